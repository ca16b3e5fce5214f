"""Present results to users: records, texts, pictures, pages and notebook views."""
