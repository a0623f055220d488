"""Training one trial, with torch, transformers, numpy and safetensors alone.

`python -m cupel.lab.training JOB.json …` runs on any node that holds these four; nothing else of
Cupel is imported. Configuration comes as plain JSON, tokens as memory-mapped files.
"""
