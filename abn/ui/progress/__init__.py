"""Progress in Learn and Exercises that outlives a reload: kept by the browser, offered again at a later visit."""
