#include "pipeline_reference/umt5/train_tokenizer.hpp"

#include <sentencepiece_trainer.h>

#include <unordered_map>

#include "latency/error.hpp"
#include "pipeline_reference/files/text_file.hpp"

namespace umt5 {
namespace {

class sentence_iterator : public sentencepiece::SentenceIterator {
 public:
  explicit sentence_iterator(const std::vector<std::string>& sentences) : sentences_(sentences) {}
  bool done() const override { return next_ == sentences_.size(); }
  void Next() override { ++next_; }
  const std::string& value() const override { return sentences_[next_]; }
  sentencepiece::util::Status status() const override { return {}; }

 private:
  const std::vector<std::string>& sentences_;
  std::size_t next_ = 0;
};

}  // namespace

std::string train_tokenizer(const std::vector<std::string>& sentences,
                            const std::string& normalization, int most_pieces) {
  const std::unordered_map<std::string, std::string> arguments{
      {"model_type", "unigram"},
      {"normalization_rule_name", normalization},
      {"vocab_size", std::to_string(most_pieces)},
      {"hard_vocab_limit", "false"},
      {"byte_fallback", "true"},
      {"character_coverage", "1.0"},
      {"pad_id", "0"},
      {"eos_id", "1"},
      {"unk_id", "2"},
      {"bos_id", "-1"},
      {"shuffle_input_sentence", "false"},
      {"num_threads", "1"},  // sums in one order: the same model every time
      {"minloglevel", "2"}};
  sentence_iterator iterator(sentences);
  std::string model;
  const auto status = sentencepiece::SentencePieceTrainer::Train(arguments, &iterator, &model);
  if (!status.ok())
    throw latency::error("", "", "cannot train: " + files::printable(status.message()));
  return model;
}

}  // namespace umt5
