"""The papers behind the studio: what each claims, the preset it is, the experiment that tests the claim."""
