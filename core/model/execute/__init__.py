"""Ways to run a bank of experts over the same parameters: `reference` (all experts, masked) and `sparse`.

Shape letters: T tokens, K experts per token, S = T*K slots, N slots that an expert really computes, E
experts, D model width, H hidden width, R rows of one run.
"""
