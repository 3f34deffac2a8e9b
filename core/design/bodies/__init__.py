"""What a part can be: mixers, dense FFNs, MoE layers, routed blocks. One file a kind."""
