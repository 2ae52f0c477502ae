// Opens ranges for nvtx_test, without a session and with one; prints the spans that it recorded.
#include <cstdio>
#include <latency/latency.hpp>
#include <latency/nvtx.hpp>

namespace {

void decode(int token) {
  latency::nvtx::scope whole{"decode", {"token", token}, {"kind", "draft"}};
  { const latency::nvtx::range part{"attention", {"scale", 0.5}}; }
  const latency::nvtx::scope last{"ffn", {"kind", "gated"}};
}

}  // namespace

int main() {
  decode(7);
  latency::session run;
  for (int token = 8; token < 10; ++token) decode(token);
  for (const latency::recording recorded = run.stop(); const latency::span& s : recorded.spans)
    std::printf("span %s\n", recorded.name_of(s).c_str());
}
