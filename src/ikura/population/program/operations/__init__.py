"""What programs are made of: compiled operations on registers, and what runs them."""
