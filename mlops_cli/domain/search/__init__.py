"""The search for parameters, as numbers: trials and their losses, who is behind, who is chosen.

A trial is judged by the loss of each training row under the model of the fold that has not seen it.
Whatever is said of a difference between two trials rests on the same rows of both, added up by
blocks of whole entities (see `losses`).
"""
