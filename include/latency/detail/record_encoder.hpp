#pragma once
// Takes records out of thread buffers and appends them to a journal, pointers replaced by string
// ids. One user at a time (the registry's mutex).

#include <algorithm>
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "../journal.hpp"
#include "flight_control.hpp"
#include "row_codec.hpp"
#include "thread_state.hpp"

namespace latency::detail {

class record_encoder {
 public:
  explicit record_encoder(journal_writer& journal) : journal_(journal) {}

  [[nodiscard]] std::uint32_t id_of(const char* text) {
    if (text == nullptr) text = "";
    const std::size_t slot = (reinterpret_cast<std::uintptr_t>(text) >> 3 ^
                              reinterpret_cast<std::uintptr_t>(text) >> 11) %
                             cache_size;
    if (cache_[slot].text != text) {
      const auto [entry, inserted] =
          ids_.try_emplace(text, static_cast<std::uint32_t>(ids_.size()));
      if (inserted) new_texts_.emplace_back(text);
      cache_[slot] = {text, entry->second};
    }
    return cache_[slot].id;
  }

  // Everything that the thread had published when this was called: bounded work, however busy the
  // thread is. In ring mode once, at the end.
  void drain(thread_state& t) {
    if (t.ring) return drain_ring(t);
    const published_end published = t.published();
    std::uint64_t consumed = t.consumed.load(std::memory_order_relaxed);
    for (; consumed < published.chunks; ++consumed) {
      const std::uint32_t at = static_cast<std::uint32_t>(consumed % t.chunk_count);
      encode(t, t.chunks[at].words + t.consumed_words, t.chunks[at].words + t.used_words[at]);
      t.consumed_words = 0;
      t.consumed.store(consumed + 1, std::memory_order_release);
    }
    const std::uint64_t* const current = t.chunks[consumed % t.chunk_count].words;
    encode(t, current + t.consumed_words, current + published.words);
    t.consumed_words = published.words;
  }

  // The thread's open spans, when they changed since the last call: those that were all open at
  // one moment. Of a busy thread the inner ones may be left out. Those that have closed since the
  // last call stand there once more: a kill may come before their records are written, and of a
  // span that has a record the reader takes that.
  void open_spans(thread_state& t) {
    std::vector<std::uint64_t> words;
    const std::uint32_t depth = std::min(t.depth.load(std::memory_order_acquire), max_depth);
    std::uint64_t parent = t.open[0].id.load(std::memory_order_acquire);
    for (std::uint32_t i = 1; i <= depth; ++i) {
      const open_span& span = t.open[i];
      const std::uint64_t id = span.id.load(std::memory_order_acquire);
      const char* const name = span.name.load(std::memory_order_acquire);
      const std::uint64_t start = span.start_ticks.load(std::memory_order_acquire);
      if (id == 0 || span.id.load(std::memory_order_relaxed) != id)
        break;  // it is changing right now
      words.insert(words.end(), {id, parent, start, id_of(name)});
      parent = id;
    }
    // Ids never come back: one that still stands was there all the while.
    for (std::uint32_t i = 1; 4 * i <= words.size(); ++i)
      if (t.open[i].id.load(std::memory_order_acquire) != words[4 * (i - 1)])
        words.resize(4 * (i - 1));
    open_list& last = last_open_[t.index];
    if (words == last.words && !last.says_closed) return;
    const std::size_t still_open =
        std::mismatch(words.begin(), words.end(), last.words.begin(), last.words.end()).first -
        words.begin();
    std::vector<std::uint64_t> closed(last.words.begin() + still_open / 4 * 4, last.words.end());
    if (t.ring) closed.clear();  // its records are written at the end, or never
    last = {words, !closed.empty()};
    words.insert(words.end(), closed.begin(), closed.end());
    write_texts();
    journal_.begin_block(block_type::open_spans, t.index);
    if (words.empty()) words.assign(4, 0);  // "none": an id of 0
    for (const std::uint64_t word : words) journal_.put(word);
    journal_.end_block();
  }

  // For a journal that forgets: has open_spans() say anew what did not change, and says again which
  // async spans are open.
  void say_again() {
    last_open_.clear();
    for (const auto& [id, begin] : open_async_) write_async_begin(begin);
  }

  // Spans taken out of buffers so far.
  [[nodiscard]] std::uint64_t spans() const noexcept { return spans_; }

  // For a flight recorder, which is told of every pixel frame that is taken out of a buffer. Its
  // journal forgets: an async span's beginning is said again when it ends.
  void watch(flight_control* who) noexcept { watching_ = who; }

  // Texts that got their ids since the last call; before the blocks that name them.
  void write_texts() {
    if (new_texts_.empty()) return;
    journal_.begin_block(block_type::strings);
    for (const std::string_view text : new_texts_) journal_.put_text(text);
    journal_.end_block();
    new_texts_.clear();
  }

 private:
  static constexpr std::size_t cache_size = 256;
  static constexpr std::size_t most_open_async = 4096;
  struct cache_entry {
    const char* text = nullptr;
    std::uint32_t id = 0;
  };

  void drain_ring(thread_state& t) {
    const std::lock_guard<std::mutex> lock(t.ring_mutex);  // no chunk is reused while we read
    const std::uint64_t done = t.produced.load(std::memory_order_acquire);
    const std::uint64_t kept = std::min<std::uint64_t>(done, t.chunk_count - 1);
    for (std::uint64_t i = std::max(done - kept, t.consumed.load(std::memory_order_relaxed));
         i < done; ++i) {
      const std::uint32_t at = static_cast<std::uint32_t>(i % t.chunk_count);
      encode(t, t.chunks[at].words, t.chunks[at].words + t.used_words[at]);
    }
    const chunk& current = t.chunks[done % t.chunk_count];
    encode(t, current.words, t.cursor.load(std::memory_order_acquire));
  }

  // Words from one chunk; records never straddle chunks.
  void encode(const thread_state& t, const std::uint64_t* at, const std::uint64_t* end) {
    encoded_.clear();
    while (at < end) {
      const std::uint64_t head = *at;
      const record_kind kind = head_kind(head);
      const std::uint32_t size = record_words(head), fixed = fixed_words(kind);
      const bool is_row = kind == record_kind::row;
      spans_ += kind == record_kind::span ? 1 : 0;
      encoded_.push_back(pack_head(is_row ? head_name(head) : id_of(to_pointer(head)), kind,
                                   head_flags(head), head_count(head)));
      encoded_.insert(encoded_.end(), at + 1, at + fixed);
      if (is_row) {
        const std::size_t payload = encoded_.size();
        encoded_.insert(encoded_.end(), at + fixed, at + size);
        if (head_name(head) == static_cast<std::uint64_t>(row_kind::memory))
          encoded_[payload] = id_of(to_pointer(encoded_[payload]));
        if (watching_ != nullptr &&
            head_name(head) == static_cast<std::uint64_t>(row_kind::pixel_frame))
          watching_->pixel_frame(decode_pixel_frame(at + fixed).index, at[1]);
      } else {
        for (std::uint32_t i = fixed; i < size; i += 2) {
          const auto type = static_cast<attribute::kind>(key_type(at[i]));
          encoded_.push_back(pack_key(id_of(to_pointer(at[i])), type));
          encoded_.push_back(type == attribute::kind::text ? id_of(to_pointer(at[i + 1]))
                                                           : at[i + 1]);
        }
      }
      if (watching_ != nullptr && kind == record_kind::async_begin) {
        if (open_async_.size() < most_open_async)
          open_async_[at[2]] = {t.index, {encoded_.end() - size, encoded_.end()}};
      } else if (watching_ != nullptr && kind == record_kind::async_end) {
        const auto begin = open_async_.find(at[2]);
        if (begin != open_async_.end()) ended_async_.push_back(open_async_.extract(begin).mapped());
      }
      at += size;
    }
    write_texts();
    for (const async_begin& begin : ended_async_) write_async_begin(begin);
    ended_async_.clear();
    journal_.begin_block(block_type::records, t.index);
    for (const std::uint64_t word : encoded_) journal_.put(word);
    journal_.end_block();
    journal_.flush_when_large();
  }

  struct async_begin {
    std::uint32_t thread;
    std::vector<std::uint64_t> words;  // the record
  };
  void write_async_begin(const async_begin& begin) {
    journal_.begin_block(block_type::records, begin.thread);
    for (const std::uint64_t word : begin.words) journal_.put(word);
    journal_.end_block();
  }

  journal_writer& journal_;
  std::unordered_map<const char*, std::uint32_t>
      ids_;  // by pointer: two pointers may hold one text
  std::vector<std::string_view> new_texts_;
  std::vector<std::uint64_t> encoded_;
  // What open_spans() said last of a thread, and whether of closed spans, too.
  struct open_list {
    std::vector<std::uint64_t> words;
    bool says_closed = false;
  };
  std::unordered_map<std::uint32_t, open_list> last_open_;
  cache_entry cache_[cache_size];
  std::uint64_t spans_ = 0;
  flight_control* watching_ = nullptr;
  std::map<std::uint64_t, async_begin> open_async_;  // while somebody watches
  std::vector<async_begin> ended_async_;
};

}  // namespace latency::detail
