"""Material for a class: the guided lesson, the exercises, and the instructor's worksheet."""
