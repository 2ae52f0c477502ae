#pragma once
// Trains a model of the same kind as google/umt5-xxl's on a few sentences: for the small
// configurations and for tests.

#include <string>
#include <vector>

namespace umt5 {

// `normalization` is one of sentencepiece's rule sets ("identity", "nmt_nfkc", "nfkc", ...);
// `most_pieces` counts all ids, of which 259 are fixed: `<pad>`, `</s>`, `<unk>` and the bytes.
// Returns the bytes of a model file, the same for the same arguments. Throws latency::error when
// the library refuses.
[[nodiscard]] std::string train_tokenizer(const std::vector<std::string>& sentences,
                                          const std::string& normalization, int most_pieces);

}  // namespace umt5
