"""What people do, each in a real browser, to where they see the result: a file a person, in the words of people.py."""
