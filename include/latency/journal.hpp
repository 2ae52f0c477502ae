#pragma once
// The binary journal: what a session appends to while it runs, and what remains when the process is
// killed. A file header, then blocks; each block carries a checksum over its 64-bit payload words,
// so that a torn tail is recognised. Little-endian. Read by journal_reader.hpp.
//
// Appended with write(2) rather than through a mapping: a full disk is then an error code, not a
// SIGBUS in the host program, and the page cache keeps what was written when the process dies.

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"

namespace latency {

inline constexpr char journal_magic[8] = {'L', 'A', 'T', 'J', 'R', 'N', 'L', '\n'};
// Readers refuse a newer one. Version 2 is a flight recorder's, whose blocks stand in a ring
// (detail/flight_ring.hpp); all others are written as version 1.
inline constexpr std::uint32_t journal_version_major = 2;

namespace detail {

enum class block_type : std::uint16_t {
  strings = 1,  // entries of text: new string ids, consecutive
  records = 2,  // words of record_format.hpp
  thread = 3,   // [os_id] + text
  clock = 4,    // [kind, origin ticks, origin unix ns, ticks, monotonic ns, uncertainty ns]
  run = 5,      // text key, [value type, value bits | text]; overhead as overhead_key() says
  // [id, parent, start ticks, string id] each; replaces the thread's previous one. Spans that have
  // closed may stand there, too, until their records are written.
  open_spans = 6,
  totals = 7,  // running totals, as journal_totals
  end = 8,     // [ticks]
  // Of device back ends; rows as device_codec.hpp packs them. In place of a thread, the header
  // names the clock of device times, or the index of the first new shape or path.
  device_clock = 9,
  clock_anchors = 10,  // [device ns, ticks, uncertainty ns] each
  launch_shapes = 11,
  device_ops = 12,
  api_calls = 13,  // times in ticks
  event_windows = 14,
  marks = 15,
  span_paths = 16,
  device_totals = 17,  // this and the next two: all rows, in place of those given before
  device_histograms = 18,
  api_totals = 19,
  graph_nodes = 20,
  // Of flight recorders: detail/flight_ring.hpp.
  ring = 21,        // [words]; the first block of a file, whose ring follows it
  ring_entry = 22,  // [number, since ticks], blocks; only in the ring
  window = 23       // [from ticks, ticks of its cause or 0]: only what overlaps it is to be read
};

// Under what key a `run` block holds an entry of the recording's `overhead`.
[[nodiscard]] inline std::string overhead_key(const std::string& name) {
  return "overhead:" + name;
}

// Totals of a session, in the order of the words of a `totals` block.
enum class total : std::uint8_t {
  dropped_spans,
  dropped_records,
  too_deep_spans,
  overwritten_spans,
  warm_up_regions,
  skipped_regions,
  dropped_device_ops,
  invalid_device_ops,
  unmatched_device_ops,
  unmatched_launches,
  untraced_copies,
  changed_graph_nodes,
  count
};
struct journal_totals {
  std::uint64_t words[static_cast<std::size_t>(total::count)] = {};
  [[nodiscard]] std::uint64_t& operator[](total which) noexcept {
    return words[static_cast<std::size_t>(which)];
  }
};

struct block_header {
  std::uint32_t magic;
  block_type type;
  std::uint16_t reserved;  // 0
  std::uint32_t thread;    // records, thread, open_spans: which one
  std::uint32_t words;     // of the payload that follows
  std::uint64_t checksum;
};
static_assert(sizeof(block_header) == 24);
inline constexpr std::uint32_t block_magic = 0x314b4c42;  // "BLK1"

[[nodiscard]] inline std::uint64_t checksum(const block_header& header,
                                            const std::uint64_t* words) noexcept {
  std::uint64_t h =
      0x9e3779b97f4a7c15u ^
      (static_cast<std::uint64_t>(header.type) + (std::uint64_t{header.reserved} << 48)) ^
      static_cast<std::uint64_t>(header.thread) << 16 ^
      static_cast<std::uint64_t>(header.words) << 32;
  for (std::uint32_t i = 0; i < header.words; ++i) {
    h = (h ^ words[i]) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  }
  return h;
}

// Takes the blocks that a journal_writer would append to its file.
class journal_sink {
 public:
  virtual ~journal_sink() = default;
  virtual void take(const std::vector<std::uint64_t>& blocks) = 0;
};

// Collects blocks in memory; `flush` appends them to the file, or keeps them when there is none.
class journal_writer {
 public:
  journal_writer() = default;
  journal_writer(const journal_writer&) = delete;
  journal_writer& operator=(const journal_writer&) = delete;
  ~journal_writer() { close(); }

  // Creates PATH, or PATH with a number before its last extension when it exists: an older journal
  // is what remains of a killed run and is never overwritten. Throws latency::error.
  void open(const std::string& wanted) {
    const std::size_t dot = wanted.rfind(".journal");
    for (int n = 0; n < 1000; ++n) {
      path_ = n == 0 ? wanted : wanted.substr(0, dot) + "." + std::to_string(n) + ".journal";
      fd_ = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
      if (fd_ >= 0 || errno != EEXIST) break;
    }
    if (fd_ < 0) throw error(wanted, "", std::string("cannot create: ") + std::strerror(errno));
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int descriptor() const noexcept { return fd_; }
  // From now on blocks go there.
  void divert(journal_sink* to) noexcept { sink_ = to; }
  [[nodiscard]] const std::vector<std::uint64_t>& pending() const noexcept { return pending_; }

  void file_header(std::uint32_t version = 1) {
    std::uint64_t magic = 0;
    std::memcpy(&magic, journal_magic, sizeof magic);
    pending_.push_back(magic);
    pending_.push_back(version);
  }

  // begin_block, then put/put_text, then end_block. One block at a time.
  void begin_block(block_type type, std::uint32_t thread = 0) {
    block_at_ = pending_.size();
    pending_.resize(pending_.size() + sizeof(block_header) / sizeof(std::uint64_t));
    header_ = {block_magic, type, 0, thread, 0, 0};
  }
  void put(std::uint64_t word) { pending_.push_back(word); }
  void put_text(std::string_view text) {  // length, then bytes padded to a whole word
    pending_.push_back(text.size());
    const std::size_t at = pending_.size();
    pending_.resize(at + (text.size() + 7) / 8);
    if (!text.empty()) std::memcpy(pending_.data() + at, text.data(), text.size());
  }
  [[nodiscard]] std::size_t block_words() const noexcept {
    return pending_.size() - block_at_ - sizeof(block_header) / sizeof(std::uint64_t);
  }
  void end_block() {  // an empty block is taken back
    header_.words = static_cast<std::uint32_t>(block_words());
    if (header_.words == 0) return pending_.resize(block_at_);
    header_.checksum = checksum(header_, pending_.data() + block_at_ + 3);
    std::memcpy(pending_.data() + block_at_, &header_, sizeof header_);
  }

  // Appends what is pending. On failure keeps the first error, writes nothing more and returns
  // false.
  bool flush() noexcept {
    if (sink_ != nullptr) {
      sink_->take(pending_);
      pending_.clear();
      return true;
    }
    if (fd_ < 0) return true;
    const char* at = reinterpret_cast<const char*>(pending_.data());
    std::size_t left = pending_.size() * sizeof(std::uint64_t);
    while (left > 0 && error_ == 0) {
      const ssize_t n = ::write(fd_, at, left);
      if (n > 0) {
        at += n, left -= static_cast<std::size_t>(n);
      } else if (errno != EINTR) {
        error_ = n == 0 ? EIO : errno;
      }
    }
    pending_.clear();
    return error_ == 0;
  }
  // The most that waits to be written is 1 MiB and a block.
  void flush_when_large() noexcept {
    if (pending_.size() >= (1u << 17)) flush();
  }
  [[nodiscard]] int first_error() const noexcept { return error_; }

  void close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  std::string path_;
  int fd_ = -1;
  int error_ = 0;
  journal_sink* sink_ = nullptr;
  std::vector<std::uint64_t> pending_;
  std::size_t block_at_ = 0;
  block_header header_{};
};

}  // namespace detail
}  // namespace latency
