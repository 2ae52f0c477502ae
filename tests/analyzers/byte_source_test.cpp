#include "analyzers/timeline/byte_source.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "latency/error.hpp"
#include "tests/analyzers/gzip_bytes.hpp"

namespace {

using latency_test::gzip;
namespace timeline = latency::timeline;

std::string read_all(timeline::byte_source& source, std::size_t room) {
  std::string all, buffer(room, '\0');
  for (;;) {
    const std::size_t count = source.read(buffer.data(), room);
    if (count == 0) return all;
    all.append(buffer, 0, count);
  }
}

struct inflated {
  std::string text;
  bool cut_short;
};

inflated inflate(const std::string& bytes, std::size_t room = 1000) {
  timeline::gzip_source source(bytes, "f.gz", [](std::size_t) {});
  inflated result{read_all(source, room), false};
  result.cut_short = source.cut_short();
  return result;
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 200000; ++i) text += std::to_string(i * 7919 % 100003) + ' ';
  return text;
}

}  // namespace

TEST_CASE("byte_source: a plain file comes as it is, and what was read is released") {
  std::vector<std::size_t> released;
  timeline::plain_source source("0123456789",
                                [&](std::size_t bytes) { released.push_back(bytes); });
  CHECK(read_all(source, 4) == "0123456789");
  CHECK(released == std::vector<std::size_t>{4, 8, 10, 10});
  CHECK_FALSE(source.cut_short());
}

TEST_CASE("byte_source: gzip comes inflated, in reads of any size") {
  const std::string text = long_text(), bytes = gzip(text);
  for (const std::size_t room : {std::size_t{1} << 20, std::size_t{4097}, std::size_t{17}}) {
    const inflated read = inflate(bytes, room);
    CHECK(read.text == text);
    CHECK_FALSE(read.cut_short);
  }
}

TEST_CASE("byte_source: compressed bytes are released as they are inflated") {
  const std::string bytes = gzip(long_text());
  REQUIRE(bytes.size() > 300000);
  std::size_t released = 0;
  timeline::gzip_source source(bytes, "f.gz", [&](std::size_t count) { released = count; });
  (void)read_all(source, 1000);
  CHECK(released == bytes.size());
}

TEST_CASE("byte_source: gzip members follow each other, with zeros behind them") {
  CHECK(inflate(gzip("one ") + gzip("") + gzip("two")).text == "one two");
  CHECK(inflate(gzip("one") + std::string(1000, '\0')).text == "one");
}

TEST_CASE("byte_source: a gzip file that ends early gives what it has, and says so") {
  const std::string text = long_text(), bytes = gzip(text);
  for (const std::size_t size : {bytes.size() / 2, bytes.size() - 9, bytes.size() - 1}) {
    const inflated read = inflate(bytes.substr(0, size));
    CHECK(read.cut_short);
    CHECK(text.substr(0, read.text.size()) == read.text);
    CHECK(read.text.size() > text.size() / 3);
  }
  CHECK(inflate(bytes.substr(0, 5)).cut_short);
}

TEST_CASE("byte_source: damage is an error that names the byte") {
  std::string bytes = gzip(long_text());
  bytes[bytes.size() - 6] ^= 1;  // of the checksum
  CHECK_THROWS_WITH_AS((void)inflate(bytes),
                       ("f.gz: byte " + std::to_string(bytes.size() - 4) +
                        " (compressed): damaged gzip data: incorrect data check")
                           .c_str(),
                       latency::error);
  CHECK_THROWS_WITH_AS((void)inflate(gzip("a") + "more"),
                       doctest::Contains("(compressed): damaged gzip data"), latency::error);
}

TEST_CASE("byte_source: the head of a gzip file is what comes before damage, and no more") {
  const std::string text = long_text();
  CHECK(timeline::inflated_head(gzip(text), 1000) == text.substr(0, 1000));
  CHECK(timeline::inflated_head(gzip("short"), 1000) == "short");
  CHECK(timeline::inflated_head("\x1f\x8b!", 1000).empty());
}
