"""Events of Lambda: for each kind of event a module with two functions, event to Request and Reply to response."""
