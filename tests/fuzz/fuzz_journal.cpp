// The journal reader on arbitrary bytes. Checksums are put right first: a fuzzer cannot guess them,
// and what they guard must withstand a hostile file as well.
#include <algorithm>
#include <cstring>
#include <latency/device_accounting.hpp>
#include <latency/journal_reader.hpp>
#include <latency/span_tree.hpp>
#include <vector>

namespace {

void repair_checksums(std::vector<std::uint64_t>& words) {
  using namespace latency::detail;
  constexpr std::size_t header_words = sizeof(block_header) / sizeof(std::uint64_t);
  for (std::size_t at = 2; at + header_words <= words.size();) {
    block_header header;
    std::memcpy(&header, words.data() + at, sizeof header);
    header.magic = block_magic;
    header.words = static_cast<std::uint32_t>(
        std::min<std::size_t>(header.words % 64, words.size() - at - header_words));
    header.checksum = checksum(header, words.data() + at + header_words);
    std::memcpy(words.data() + at, &header, sizeof header);
    at += header_words + header.words;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  if (words.size() < 2) return 0;
  std::memcpy(words.data(), data, words.size() * sizeof(std::uint64_t));
  std::memcpy(words.data(), latency::journal_magic, sizeof latency::journal_magic);
  words[1] = 1;
  if (data[size - 1] % 2 == 0) repair_checksums(words);
  try {
    const latency::recording r = latency::read_journal(words.data(), words.size(), "fuzz");
    const latency::span_tree tree(r);
    for (const latency::thread_account& thread : tree.threads())
      if (!thread.exact()) __builtin_trap();
    const latency::device_accounting devices(r, tree);
    for (const latency::device_account& device : devices.devices())
      if (!device.exact()) __builtin_trap();
  } catch (const latency::error&) {
  }
  return 0;
}
