#include "latency/distortion.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <limits>
#include <tuple>

using latency::distortion;
using latency::distortion_verdict;
using latency::distortions_in;
using latency::judge;
using latency::measured_time;
using latency::overhead_entries;

namespace {

distortion_verdict verdict_of(double low, double high) {
  return judge({"loop", "events", measured_time::host, (low + high) / 2, low, high});
}

bool same(const distortion& a, const distortion& b) {
  return a.loop == b.loop && a.tier == b.tier && a.of == b.of && a.ratio == b.ratio &&
         a.low == b.low && a.high == b.high;
}

}  // namespace

TEST_CASE("distortion: only a whole interval beyond 2 % distorts, only one within is tolerable") {
  CHECK(verdict_of(1.0201, 1.05) == distortion_verdict::distorts);
  CHECK(verdict_of(0.95, 0.9799) == distortion_verdict::distorts);
  CHECK(verdict_of(1.02, 1.05) == distortion_verdict::cannot_tell);
  CHECK(verdict_of(0.95, 0.98) == distortion_verdict::cannot_tell);
  CHECK(verdict_of(1.01, 1.5) == distortion_verdict::cannot_tell);
  CHECK(verdict_of(0.9, 1.1) == distortion_verdict::cannot_tell);
  CHECK(verdict_of(0.98, 1.02) == distortion_verdict::tolerable);
  CHECK(verdict_of(1, 1) == distortion_verdict::tolerable);
}

TEST_CASE("distortion: the entries of a file are named after loop, tier and time") {
  const std::map<std::string, double> entries =
      overhead_entries({"decode", "kernels", measured_time::device, 1.25, 1.125, 1.5});
  CHECK(entries == std::map<std::string, double>{{"decode.kernels.device_ratio", 1.25},
                                                 {"decode.kernels.device_low_ratio", 1.125},
                                                 {"decode.kernels.device_high_ratio", 1.5}});
}

TEST_CASE("distortion: what was written is read back, sorted, whatever else stands there") {
  CHECK(rc::check([] {
    const auto word = [] {
      return *rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('a', 'e')));
    };
    std::map<std::string, distortion> written;
    std::map<std::string, double> overhead{{"span_ns", 25.5}, {"a.b", 1}, {"x_ratio", 2}};
    for (int i = *rc::gen::inRange(0, 8); i > 0; --i) {
      distortion d;
      d.loop = *rc::gen::arbitrary<bool>() ? word() : word() + "." + word();
      d.tier = word();
      d.of = *rc::gen::element(measured_time::host, measured_time::device);
      d.low = *rc::gen::inRange(1, 100) / 64.0;
      d.ratio = d.low + *rc::gen::inRange(0, 100) / 64.0;
      d.high = d.ratio + *rc::gen::inRange(0, 100) / 64.0;
      for (const auto& [name, value] : overhead_entries(d)) overhead[name] = value;
      written[d.loop + '\n' + d.tier + '\n' + (d.of == measured_time::host ? "0" : "1")] = d;
    }
    const std::vector<distortion> read = distortions_in(overhead);
    RC_ASSERT(read.size() == written.size());
    for (const distortion& d : read)
      RC_ASSERT(same(d, written.at(d.loop + '\n' + d.tier + '\n' +
                                   (d.of == measured_time::host ? "0" : "1"))));
    for (std::size_t i = 1; i < read.size(); ++i)
      RC_ASSERT(std::tie(read[i - 1].loop, read[i - 1].tier) <=
                std::tie(read[i].loop, read[i].tier));
  }));
}

TEST_CASE("distortion: entries that lack a part or are no ratio are passed over") {
  const std::map<std::string, double> whole =
      overhead_entries({"decode", "kernels", measured_time::host, 1.25, 1.125, 1.5});
  REQUIRE(distortions_in(whole).size() == 1);
  for (const auto& [name, value] : whole) {
    std::map<std::string, double> broken = whole;
    broken.erase(name);
    CHECK(distortions_in(broken).empty());
    for (const double bad : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
      broken[name] = bad;
      CHECK(distortions_in(broken).empty());
    }
  }
  std::map<std::string, double> reversed = whole;
  reversed["decode.kernels.host_low_ratio"] = 2;
  CHECK(distortions_in(reversed).empty());
  for (const std::string stem : {"kernels", ".kernels", "decode.", ""}) {
    std::map<std::string, double> odd;
    for (const char* part : {"host_ratio", "host_low_ratio", "host_high_ratio"})
      odd[stem + "." + part] = 1;
    CHECK_MESSAGE(distortions_in(odd).empty(), stem);
  }
}
