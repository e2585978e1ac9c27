"""The endpoints, a module for each subject: what they take and tell, and which rule of the house they call."""
