"""What has to be done for a plan now. Pure: a view goes in, actions come out."""
