"""The page for a person: each module makes the view of one part, `rendering` fills the templates with them.

Views hold text as it was read; the templates escape whatever they print.
"""
