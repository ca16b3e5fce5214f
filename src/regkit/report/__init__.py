"""What a registration looks like to people: records, words, pictures and pages."""
