"""Who asks, and what the rules allow: principals, rules, grants, and the tokens that the service signs."""
