"""Keys of any config.json that say nothing about the architecture: tokens, training, generation, storage."""

from __future__ import annotations

_HOUSEKEEPING = """
_name_or_path architectures auto_map model_type transformers_version torch_dtype dtype name_or_path
_attn_implementation _attn_implementation_internal attn_implementation _experts_implementation
_commit_hash torchscript tokenizer_class processor_class library_name use_bfloat16 tf_legacy_loss
return_dict return_dict_in_generate output_hidden_states output_attentions output_scores
output_router_logits output_past use_cache use_return_dict chunk_size_feed_forward pruned_heads
is_decoder is_encoder_decoder add_cross_attention cross_attention_hidden_size tie_encoder_decoder
finetuning_task task_specific_params problem_type id2label label2id num_labels prefix
gradient_checkpointing unsloth_version unsloth_fixed base_model_tp_plan base_model_pp_plan
base_model_ep_plan
"""
_TOKENS = """
bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id mask_token_id unk_token_id eod_token_id
decoder_start_token_id bad_words_ids forced_bos_token_id forced_eos_token_id begin_suppress_tokens
suppress_tokens image_token_id video_token_id audio_token_id image_token_index boi_token_index
eoi_token_index
boi_token_id eoi_token_id boa_token_id eoa_token_id eoa_token_index
im_start_id im_end_id pad_id bos_id eos_id text_start_id text_end_id
"""
_GENERATION = """
max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups diversity_penalty
temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size
encoder_no_repeat_ngram_size num_return_sequences exponential_decay_length_penalty remove_invalid_values
"""
_TRAINING = """
initializer_range initializer_factor attention_dropout hidden_dropout dropout dropout_rate resid_pdrop
embd_pdrop emb_pdrop attn_pdrop resid_dropout embedding_dropout classifier_dropout ffn_dropout
pretraining_tp ep_size rescale_prenorm_residual residual_in_fp32 fp32_residual_connection
bf16 fp16 router_dtype moe_router_dtype use_mamba_kernels use_mambapy
use_associative_scan num_logits_to_keep
"""

IGNORED: frozenset[str] = frozenset(" ".join((_HOUSEKEEPING, _TOKENS, _GENERATION, _TRAINING)).split())
