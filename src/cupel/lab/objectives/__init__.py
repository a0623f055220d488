"""Objectives, one file each: what a trial minimizes."""
