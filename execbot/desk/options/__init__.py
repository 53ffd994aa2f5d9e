"""What is done with option contracts besides ordering them."""
