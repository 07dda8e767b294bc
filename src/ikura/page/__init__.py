"""What pages are made of: markup, words, tables, figures, and the frame that holds them."""
