// The journal reader on arbitrary bytes. Checksums are put right first: a fuzzer cannot guess them,
// and what they guard must withstand a hostile file as well.
#include <cstring>
#include <latency/device_accounting.hpp>
#include <latency/journal_reader.hpp>
#include <latency/span_tree.hpp>
#include <vector>

#include "tests/fuzz/refusal.hpp"
#include "tests/journal_checksums.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint64_t> words(size / sizeof(std::uint64_t));
  if (words.size() < 2) return 0;
  std::memcpy(words.data(), data, words.size() * sizeof(std::uint64_t));
  std::memcpy(words.data(), latency::journal_magic, sizeof latency::journal_magic);
  words[1] = 1;
  if (data[size - 1] % 2 == 0) latency_test::repair_checksums(words, 63);
  try {
    const latency::recording r = latency::read_journal(words.data(), words.size(), "fuzz");
    const latency::span_tree tree(r);
    for (const latency::thread_account& thread : tree.threads())
      if (!thread.exact()) __builtin_trap();
    const latency::device_accounting devices(r, tree);
    for (const latency::device_account& device : devices.devices())
      if (!device.exact()) __builtin_trap();
  } catch (const latency::error& refused) {
    fuzz::require_one_line(refused, "fuzz: ");
  }
  return 0;
}
