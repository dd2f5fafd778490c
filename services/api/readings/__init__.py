"""Answering `/v1/readings`: the question, the calendar, the plan, the columns, and the two ways they are written."""
