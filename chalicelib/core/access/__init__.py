"""Access: principals, rules, grants, and the tokens that the service signs."""
