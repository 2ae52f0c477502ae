#include "benchmarks/journal_count.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "latency/detail/record_format.hpp"

namespace benchmarks {

using namespace latency::detail;

journal_count::journal_count(const std::string& path)
    : path_(path), file_(::open(path.c_str(), O_RDWR | O_CLOEXEC)) {
  if (file_ < 0) fail(std::strerror(errno));
  follower_ = std::thread([this] { follow(); });
}

journal_count::~journal_count() {
  complete_ = true;
  if (follower_.joinable()) follower_.join();
  ::close(file_);
}

journal_count::totals journal_count::finish() {
  complete_ = true;
  follower_.join();
  if (!damage_.empty()) fail(damage_);
  if (!ended_ || waiting_at_ != waiting_.size()) fail("has no end");
  return {spans_, of_session_, read_bytes_};
}

void journal_count::follow() {
  while (damage_.empty()) {
    const bool last = complete_.load();  // before reading: what was written by then is seen
    if (read_more()) {
      count_blocks();
    } else if (last) {
      return;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

// Appends what the file has gained, a few MiB at most. False when there is nothing new.
bool journal_count::read_more() {
  constexpr std::size_t most_words = std::size_t{1} << 18;
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(waiting_at_));
  waiting_at_ = 0;
  const std::size_t used = waiting_.size();
  waiting_.resize(used + most_words);
  const ssize_t got = ::pread(file_, waiting_.data() + used, most_words * sizeof(std::uint64_t),
                              static_cast<off_t>(read_bytes_));
  const std::size_t words = got > 0 ? static_cast<std::size_t>(got) / sizeof(std::uint64_t) : 0;
  waiting_.resize(used + words);
  read_bytes_ += words * sizeof(std::uint64_t);
  return words > 0;
}

void journal_count::count_blocks() {
  constexpr std::size_t header_words = sizeof(block_header) / sizeof(std::uint64_t);
  while (waiting_at_ + header_words <= waiting_.size()) {
    block_header header;
    std::memcpy(&header, waiting_.data() + waiting_at_, sizeof header);
    if (header.magic != block_magic) {
      damage_ = "no block where one belongs";
      return;
    }
    const std::size_t payload = waiting_at_ + header_words;
    if (payload + header.words > waiting_.size()) break;
    if (checksum(header, waiting_.data() + payload) != header.checksum) {
      damage_ = "a block with a wrong checksum";
      return;
    }
    if (header.type == block_type::records) count_records(waiting_.data() + payload, header.words);
    if (header.type == block_type::totals)
      std::memcpy(of_session_.words, waiting_.data() + payload, sizeof of_session_.words);
    ended_ = ended_ || header.type == block_type::end;
    waiting_at_ = payload + header.words;
  }
  give_back_counted();
}

void journal_count::count_records(const std::uint64_t* words, std::uint32_t count) {
  std::uint64_t spans = 0;
  for (std::uint32_t at = 0; at < count; at += record_words(words[at]))
    spans += head_kind(words[at]) == record_kind::span ? 1 : 0;
  spans_.fetch_add(spans, std::memory_order_relaxed);
}

// A file system that cannot do it keeps the bytes; nothing else depends on it.
void journal_count::give_back_counted() {
  constexpr std::uint64_t piece_bytes = std::uint64_t{64} << 20;
  if (read_bytes_ - given_back_bytes_ < piece_bytes) return;
  const std::uint64_t up_to = read_bytes_ / piece_bytes * piece_bytes;
  ::fallocate(file_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(given_back_bytes_), static_cast<off_t>(up_to - given_back_bytes_));
  given_back_bytes_ = up_to;
}

void journal_count::fail(const std::string& message) const {
  throw latency::error(path_, "byte " + std::to_string(read_bytes_), message);
}

}  // namespace benchmarks
