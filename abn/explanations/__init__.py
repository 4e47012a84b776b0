"""Images × variants to explanations: attention maps, the predictions of both heads, and every stage between."""
