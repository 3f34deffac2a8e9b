"""What a part computes, one file per kind of body."""
