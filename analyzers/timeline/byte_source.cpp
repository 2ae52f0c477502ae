#include "analyzers/timeline/byte_source.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "latency/error.hpp"

namespace latency::timeline {
namespace {

constexpr std::size_t offered_bytes = std::size_t{256} << 10;
constexpr int gzip_only = 16 + MAX_WBITS;

}  // namespace

std::size_t plain_source::read(char* to, std::size_t room) {
  const std::string_view piece = bytes_.substr(at_, room);
  std::memcpy(to, piece.data(), piece.size());
  at_ += piece.size();
  release_(at_);
  return piece.size();
}

gzip_source::gzip_source(std::string_view bytes, std::string file, release_bytes release)
    : bytes_(bytes), file_(std::move(file)), release_(std::move(release)) {
  if (inflateInit2(&inflating_, gzip_only) != Z_OK) throw std::bad_alloc();
}

gzip_source::~gzip_source() {
  inflateEnd(&inflating_);
}

void gzip_source::fail(const std::string& message) const {
  throw error(file_, "byte " + std::to_string(offered_ - inflating_.avail_in) + " (compressed)",
              message);
}

void gzip_source::offer() {
  if (inflating_.avail_in != 0) return;
  release_(offered_);
  const std::string_view piece = bytes_.substr(offered_, offered_bytes);
  inflating_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  inflating_.avail_in = static_cast<uInt>(piece.size());
  offered_ += piece.size();
}

// Behind the end of a member: another one, padding with zeros, or the end of the file.
void gzip_source::next_member() {
  for (;;) {
    offer();
    if (inflating_.avail_in == 0) {
      ended_ = true;
      return;
    }
    if (*inflating_.next_in != 0) break;
    ++inflating_.next_in;
    --inflating_.avail_in;
  }
  if (inflateReset(&inflating_) != Z_OK) fail("cannot be inflated");
}

std::size_t gzip_source::read(char* to, std::size_t room) {
  const auto most = static_cast<uInt>(std::min<std::size_t>(room, std::size_t{1} << 30));
  inflating_.next_out = reinterpret_cast<Bytef*>(to);
  inflating_.avail_out = most;
  while (!ended_ && inflating_.avail_out != 0) {
    offer();
    const int code = inflate(&inflating_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) {
      next_member();
    } else if (code == Z_BUF_ERROR && inflating_.avail_in == 0 && offered_ == bytes_.size()) {
      cut_short_ = ended_ = true;
    } else if (code != Z_OK && code != Z_BUF_ERROR) {
      fail(std::string("damaged gzip data: ") +
           (inflating_.msg != nullptr ? inflating_.msg : "cannot be inflated"));
    }
  }
  return most - inflating_.avail_out;
}

void read_to_end(byte_source& source) {
  std::string passed(offered_bytes, '\0');
  while (source.read(passed.data(), passed.size()) != 0) {
  }
}

std::string inflated_head(std::string_view bytes, std::size_t wanted) {
  std::string head(wanted, '\0');
  gzip_source source(bytes, "", [](std::size_t) {});
  std::size_t used = 0;
  try {
    // A little at a time, to keep what comes before damage.
    for (std::size_t count = 1; count != 0 && used < wanted; used += count)
      count = source.read(head.data() + used, std::min<std::size_t>(256, wanted - used));
  } catch (const error&) {
  }
  head.resize(used);
  return head;
}

}  // namespace latency::timeline
