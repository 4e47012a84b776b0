"""“Copy as Python” in the bar: the lines of code that give the numbers of a view."""
