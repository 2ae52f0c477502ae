// Any bytes are either read as a trace, whole or up to where they end, or refused with one line
// that names the file. And wherever a source cuts the bytes, the same events come out.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "analyzers/timeline/byte_source.hpp"
#include "analyzers/timeline/file_kind.hpp"
#include "analyzers/timeline/trace_cutter.hpp"
#include "analyzers/timeline/trace_reader.hpp"
#include "latency/saturating.hpp"
#include "latency/span_tree.hpp"
#include "tests/fuzz/refusal.hpp"

namespace {

using namespace latency::timeline;

class small_reads : public byte_source {
 public:
  small_reads(std::string_view text, std::size_t most) : text_(text), most_(most) {}
  [[nodiscard]] std::size_t read(char* to, std::size_t room) override {
    const std::size_t count = text_.copy(to, std::min(room, most_));
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
  std::size_t most_;
};

struct cut {
  std::string pieces;
  bool refused = false;
};

cut cut_up(std::string_view text, std::size_t most) {
  cut result;
  try {
    small_reads source(text, most);
    trace_cutter cutter(source, "fuzz", {"kept"});
    for (;;) {
      const trace_cutter::piece piece = cutter.next();
      if (piece.is == trace_cutter::piece::kind::end) break;
      for (const char c : piece.json.substr(1, piece.json.size() - 2))
        if (c != ' ' && c != '\n' && c != '\t' && c != '\r' && c != ',') result.pieces += c;
    }
    result.pieces += cutter.cut_short() ? " cut short" : " whole";
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: byte ");
    result.refused = true;
  }
  return result;
}

void check(const latency::recording& run) {
  for (const latency::span& s : run.spans)
    if (s.thread >= run.threads.size() || !latency::is_time(s.start_ns)) std::abort();
  for (const latency::api_call& c : run.api_calls)
    if (c.thread >= run.threads.size()) std::abort();
  const latency::span_tree tree(run);
  for (const latency::device_op& op : run.device_ops) {
    if (op.span != 0 && tree.find(op.span) == latency::no_span) std::abort();
    if ((op.span == 0) == (op.reason == latency::unattributed_reason::none)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)recognise(bytes);
  try {
    check(latency::parse_trace(bytes, "fuzz"));
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  // What stands between two events of a window is the parser's to check, so only one of the two may
  // be refused.
  const cut whole = cut_up(bytes, size + 1), small = cut_up(bytes, size % 61 + 1);
  if (!whole.refused && !small.refused && whole.pieces != small.pieces) std::abort();
  return 0;
}
