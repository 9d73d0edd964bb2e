"""The reviewer's desk: what waits, what was asked, deciding one or many, deputies, phrases, the province's answers."""
