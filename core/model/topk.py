"""The k largest scores of every row, exactly: descending, ties to the lower index (PyTorch's own topk leaves ties open)."""
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def top_k(scores_TE: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """(values_TK, index_TK int64) of the k largest scores per row; gradients flow into the values.

    -0 equals +0; NaN counts as below -inf. Raises ValueError unless 0 <= k <= E.
    """
    experts = scores_TE.shape[1]
    if not 0 <= k <= experts:
        raise ValueError(f"The {k} largest of {experts} scores do not exist. To fix this, choose k from 0 to {experts}.")
    index_TK = torch.from_numpy(_indices(_array(scores_TE), k)).to(scores_TE.device)
    return scores_TE.gather(1, index_TK), index_TK


def _array(scores_TE: Tensor) -> npt.NDArray[np.floating]:
    plain = scores_TE.detach()
    if plain.dtype not in (torch.float32, torch.float64):
        plain = plain.float()  # exact for the narrower types, which NumPy partly lacks
    array: npt.NDArray[np.floating] = plain.cpu().numpy()
    return array


def _indices(a_TE: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    tokens, experts = a_TE.shape
    if tokens * experts <= 2048:
        return _stable(a_TE, k)
    # Measured: NumPy's argmax costs about 40 + experts / 5 ns a row and call, its vectorised sort about 4.6 ns a key.
    if a_TE.dtype == np.float32 and k * (40 + experts / 5) > 20 + 4.6 * experts:
        index_TK = _sorted_keys(a_TE, k)
    else:
        index_TK = _argmaxes(a_TE, k)
    # NaN and -inf would be confused with what these two use as "taken"; such rows are rare and go the slow way.
    if np.isfinite(np.take_along_axis(a_TE, index_TK, 1)).all():
        return index_TK
    return _stable(a_TE, k)


def _stable(a_TE: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(np.argsort(-a_TE, axis=1, kind="stable")[:, :k])


def _argmaxes(a_TE: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    rest_TE = a_TE.copy()
    rows = np.arange(len(a_TE))
    index_TK = np.empty((len(a_TE), k), np.int64)
    for i in range(k):
        best_T = rest_TE.argmax(1)
        index_TK[:, i] = best_T
        rest_TE[rows, best_T] = -np.inf
    return index_TK


def _sorted_keys(a_TE: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """Sorts 64-bit keys: the float's bits, ordered and reversed, above the expert's index. Adding 0 turns -0 into +0."""
    bits_TE = (a_TE + np.float32(0)).view(np.int32)
    key_TE = (~(bits_TE ^ ((bits_TE >> 31) & np.int32(0x7FFFFFFF)))).astype(np.int64)
    key_TE <<= 16
    key_TE |= np.arange(a_TE.shape[1])
    key_TE.sort(1)
    return key_TE[:, :k] & 0xFFFF
