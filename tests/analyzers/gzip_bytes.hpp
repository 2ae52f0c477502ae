#pragma once
// gzip files made in memory.

#include <zlib.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace latency_test {

[[nodiscard]] inline std::string gzip(std::string_view text) {
  z_stream deflating{};
  if (deflateInit2(&deflating, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::runtime_error("cannot deflate");
  std::string result(deflateBound(&deflating, text.size()) + 64, '\0');
  deflating.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  deflating.avail_in = static_cast<uInt>(text.size());
  deflating.next_out = reinterpret_cast<Bytef*>(result.data());
  deflating.avail_out = static_cast<uInt>(result.size());
  if (deflate(&deflating, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("cannot deflate");
  result.resize(deflating.total_out);
  deflateEnd(&deflating);
  return result;
}

}  // namespace latency_test
