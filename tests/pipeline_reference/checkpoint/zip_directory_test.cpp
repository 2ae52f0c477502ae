#include "pipeline_reference/checkpoint/zip_directory.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/pipeline_reference/checkpoint/pytorch_bytes.hpp"
#include "tests/pipeline_reference/checkpoint/safetensors_bytes.hpp"
#include "tests/pipeline_reference/message_of.hpp"

using namespace checkpoint;
using checkpoint::testing::as_bytes;
using checkpoint::testing::little_endian_bytes;
using checkpoint::testing::zip_bytes;
using latency_test::message_of;

namespace {

std::string refusal(const std::string& bytes) {
  return message_of([&] { static_cast<void>(parse_zip_directory("w", as_bytes(bytes))); });
}
std::string refusal_of_name(const std::string& name) {
  return refusal(zip_bytes({{name, "data"}}));
}

// Where the directory begins: at its first signature.
std::size_t directory_of(const std::string& zip) {
  return zip.find("PK\x01\x02");
}
template <class T>
std::string with(std::string bytes, std::size_t at, T value) {
  return bytes.replace(at, sizeof(T), little_endian_bytes(value));
}

}  // namespace

TEST_CASE("zip_directory: entries and their data are found, with and without zip64") {
  const std::string zip = zip_bytes({{"a/x", "first"}, {"a/y", ""}, {"a/z", "third"}});
  const std::size_t end64 = zip.find("PK\x06\x06");
  const std::string plain = zip.substr(0, end64) + zip.substr(zip.find("PK\x05\x06"));
  for (const std::string& bytes :
       {zip, plain, with(plain, plain.size() - 2, std::uint16_t{3}) + "hey"}) {
    const std::vector<zip_entry> entries = parse_zip_directory("w", as_bytes(bytes));
    REQUIRE(entries.size() == 3);
    CHECK(entries[0].name == "a/x");
    CHECK(bytes.substr(entries[0].offset_bytes, entries[0].size_bytes) == "first");
    CHECK(entries[0].offset_bytes % 64 == 0);
    CHECK(entries[1].size_bytes == 0);
    CHECK(bytes.substr(entries[2].offset_bytes, entries[2].size_bytes) == "third");
  }
}

TEST_CASE("zip_directory: sizes and offsets of 64 bits are taken from the extra field") {
  const std::string zip = zip_bytes({{"x", "data"}});
  const std::size_t at = directory_of(zip);
  const std::string extra = little_endian_bytes(std::uint16_t{1}) +
                            little_endian_bytes(std::uint16_t{24}) +
                            little_endian_bytes(std::uint64_t{4}) +  // uncompressed
                            little_endian_bytes(std::uint64_t{4}) +  // compressed
                            little_endian_bytes(std::uint64_t{0});   // where the local header is
  const auto extended = [&](const std::string& field) {
    std::string bytes = zip;
    for (const std::size_t place : {20, 24, 42}) bytes = with(bytes, at + place, ~std::uint32_t{0});
    bytes = with(bytes, at + 30, static_cast<std::uint16_t>(field.size()));
    bytes.insert(at + 46 + 1, field);
    const std::size_t record = bytes.find("PK\x06\x06");
    bytes = with(bytes, record + 40, std::uint64_t{47 + field.size()});
    return with(bytes, bytes.find("PK\x06\x07") + 8, std::uint64_t{record});
  };
  const std::vector<zip_entry> entries = parse_zip_directory("w", as_bytes(extended(extra)));
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].size_bytes == 4);
  CHECK(refusal(extended(extra.substr(0, 12))) == "w: x: has an extra field that is cut short");
  CHECK(refusal(extended(with(extra.substr(0, 12), 2, std::uint16_t{8}))) ==
        "w: x: lacks one of its zip64 sizes");
  const auto huge = ~std::uint64_t{0} - 3;
  CHECK(refusal(extended(with(with(extra, 4, huge), 12, huge))).find("but data end at byte") !=
        std::string::npos);
  CHECK(refusal(extended(with(extra, 20, huge))) ==
        "w: x: expected its header at byte 18446744073709551612");
}

TEST_CASE("zip_directory: names that lead elsewhere, repeat or are none are refused") {
  CHECK(refusal_of_name("/etc/passwd") ==
        "w: /etc/passwd: refuses an entry name that is not a relative path");
  CHECK(refusal_of_name("a\\b") == "w: a\\b: refuses an entry name that is not a relative path");
  CHECK(refusal_of_name(std::string("a\0b", 3)) ==
        "w: a\\x00b: refuses an entry name that is not a relative path");
  for (const char* name : {"..", "../x", "a/../x", "a/.."})
    CHECK(refusal_of_name(name) ==
          "w: " + std::string(name) + ": refuses an entry name that leaves its folder");
  CHECK(refusal_of_name("a/..b/c..") == "");
  CHECK(refusal_of_name("") == "w: byte 92: an entry name of 0 bytes, expected 1 to 1024");
  CHECK(refusal_of_name(std::string(1025, 'x')).find("an entry name of 1025 bytes") !=
        std::string::npos);
  CHECK(refusal(zip_bytes({{"a/x", "1"}, {"a/x", "2"}})) ==
        "w: a/x: stands in the zip directory twice");
}

TEST_CASE("zip_directory: compressed entries are marked, encrypted and split files are refused") {
  const std::string zip = zip_bytes({{"a/x", "data"}});
  const std::size_t at = directory_of(zip);
  CHECK_FALSE(parse_zip_directory("w", as_bytes(zip)).at(0).compressed);
  const std::string deflated = with(with(zip, at + 10, std::uint16_t{8}), at + 24, 1'000'000'000);
  CHECK(parse_zip_directory("w", as_bytes(deflated)).at(0).compressed);
  CHECK(parse_zip_directory("w", as_bytes(deflated)).at(0).size_bytes == 4);
  CHECK(refusal(with(zip, at + 8, std::uint16_t{1})) == "w: a/x: is encrypted");
  const std::size_t record = zip.find("PK\x06\x06");
  CHECK(refusal(with(zip, record + 16, std::uint32_t{1})).find("of several volumes") !=
        std::string::npos);
  CHECK(refusal(with(zip, record + 24, std::uint64_t{2})).find("of several volumes") !=
        std::string::npos);
}

TEST_CASE("zip_directory: a directory that lies is refused where it lies") {
  const std::string zip = zip_bytes({{"a/x", "data"}, {"a/y", "more"}});
  const std::size_t at = directory_of(zip), record = zip.find("PK\x06\x06");
  const std::uint64_t size = record - at;
  const auto directory = [&](std::uint64_t entries, std::uint64_t bytes, std::uint64_t offset) {
    std::string changed = with(with(zip, record + 24, entries), record + 32, entries);
    return refusal(with(with(changed, record + 40, bytes), record + 48, offset));
  };
  CHECK(directory(2, size, at) == "");
  CHECK(directory(1, size, at).find("the directory goes on after its 1 entries") !=
        std::string::npos);
  CHECK(directory(3, size, at).find("expected an entry of the zip directory") != std::string::npos);
  CHECK(directory(std::uint64_t{1} << 40, size, at).find("entries, at most 1048576 are read") !=
        std::string::npos);
  CHECK(directory(2, size + 1, at).find("does not fit before its end record") != std::string::npos);
  CHECK(directory(2, ~std::uint64_t{0}, at).find("does not fit") != std::string::npos);
  CHECK(directory(2, size, ~std::uint64_t{0}).find("does not fit") != std::string::npos);
  CHECK(directory(2, size, at + 1).find("does not fit") != std::string::npos);
  CHECK(directory(2, size, at - 1).find("expected an entry of the zip directory") !=
        std::string::npos);

  CHECK(refusal(with(zip, at + 24, std::uint32_t{5})) ==
        "w: a/x: is stored as 4 bytes but claims 5");
  CHECK(refusal(
            with(with(zip, at + 20, std::uint32_t{0xfffffffe}), at + 24, std::uint32_t{0xfffffffe}))
            .find("w: a/x: 4294967294 bytes from byte 64 on, but data end at byte") == 0);
  CHECK(refusal(with(zip, at + 28, std::uint16_t{60000})).find("is cut short") !=
        std::string::npos);
  CHECK(refusal(with(zip, 30, 'b')) == "w: a/x: has another name in its header at byte 0");
  CHECK(refusal(with(zip, 0, 'Q')) == "w: a/x: expected its header at byte 0");

  // Both entries claim the data of the first: their names must differ, so the headers overlap.
  const std::size_t second = zip.find("PK\x03\x04", 1);
  CHECK(refusal(with(with(zip, at + 20, static_cast<std::uint32_t>(second)), at + 24,
                     static_cast<std::uint32_t>(second)))
            .find("w: a/y: overlaps a/x at byte") == 0);
  const std::size_t locator = zip.find("PK\x06\x07");
  CHECK(refusal(with(zip, locator + 8, ~std::uint64_t{0})) ==
        "w: byte " + std::to_string(locator) +
            ": expected the zip64 end record at byte 18446744073709551615");
}

TEST_CASE("zip_directory: a file cut anywhere is refused") {
  const std::string whole = zip_bytes({{"a/x", "data"}});
  REQUIRE(refusal(whole) == "");
  for (std::size_t kept = 0; kept < whole.size(); ++kept)
    CHECK(refusal(whole.substr(0, kept)) ==
          "w: a zip file without its end: it is cut short, copy or fetch it again");
}
