"""What stranded people in the field, held against on both hosts."""
