"""What decides about content: the parts that mail coming in and mail going out share."""
