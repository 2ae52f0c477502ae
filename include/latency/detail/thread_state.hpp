#pragma once
// What one thread owns while it records: its stack of open spans and a bounded buffer of records.
// Only the owning thread writes; the collector reads what `cursor` has published. The buffer is a
// ring of chunks: in keep mode a full ring means a counted drop, in ring mode the oldest chunk
// goes.

#include <sys/mman.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "../clock.hpp"
#include "../error.hpp"
#include "record_format.hpp"

namespace latency::detail {

inline constexpr std::uint32_t max_depth = 256;     // deeper spans are counted, not recorded
inline constexpr std::uint32_t chunk_words = 4096;  // 32 KiB: about 800 spans
inline constexpr std::uint32_t min_chunks = 4;
inline constexpr std::uint32_t thread_id_shift = 40;    // span id = thread index << 40 | sequence
inline constexpr std::uint32_t max_threads = 1u << 13;  // keeps span ids below 2^53, exact in JSON
inline constexpr std::uint64_t no_session = 0;
inline constexpr std::uint64_t undecided =
    1;  // nobody asked yet whether LATENCY_OUTPUT starts a session

// One open span. Written by the owner, read by the collector: `id` is 0 while the rest changes.
struct open_span {
  std::atomic<std::uint64_t> id{0};
  std::atomic<const char*> name{nullptr};
  std::atomic<std::uint64_t> start_ticks{0};
};

struct chunk {
  std::uint64_t words[chunk_words];
};

// Whole chunks that a thread has published since the session started, and words of the next one.
struct published_end {
  std::uint64_t chunks = 0;
  std::uint32_t words = 0;
};

struct thread_state {
  // The hot path's first cache line.
  alignas(64) std::atomic<std::uint64_t> generation{no_session};  // session it is attached to
  std::atomic<std::uint64_t*> cursor{nullptr};                    // end of what is published
  std::uint64_t* limit = nullptr;  // a record of any size starts below it
  std::uint64_t next_id = 0;
  std::atomic<std::uint32_t> depth{0};  // entry `depth` of `open` is the innermost span
  clock_kind clock = clock_kind::monotonic_raw;
  bool ring = false;

  // open[0] is not a span: its id is the parent of the thread's outermost spans (hand-over), or 0.
  open_span open[max_depth + 1];

  std::uint32_t index = 0;  // in the session's list of threads
  std::int64_t os_id = 0;
  std::string name;

  chunk* chunks = nullptr;
  std::uint32_t* used_words = nullptr;  // of each finished chunk
  std::uint32_t chunk_count = 0;
  std::atomic<std::uint64_t> produced{0};  // chunks finished
  std::atomic<std::uint64_t> consumed{0};  // chunks given back by the collector
  std::uint32_t consumed_words = 0;        // collector: words read of chunk `consumed`
  std::mutex ring_mutex;  // ring mode: held while a chunk is reused or the ring is read

  std::atomic<std::uint64_t> dropped_spans{0};
  std::atomic<std::uint64_t> dropped_records{0};
  std::atomic<std::uint64_t> too_deep_spans{0};
  std::atomic<std::uint64_t> overwritten_spans{0};
  bool in_use = false;  // a living thread owns it; under the registry's mutex

  // Makes the buffer ready for a session. By the owner, or before it has one. Throws when out of
  // memory.
  void prepare(std::uint32_t wanted_chunks, clock_kind kind, bool ring_mode) {
    if (wanted_chunks != chunk_count) {
      release();
      const std::size_t bytes = std::size_t{wanted_chunks} * sizeof(chunk);
      // Populated now, so that recording takes no page faults.
      void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (memory == MAP_FAILED)
        throw error("cannot allocate a recording buffer of " + std::to_string(bytes) + " bytes");
      chunks = static_cast<chunk*>(memory);
      used_words = new std::uint32_t[wanted_chunks];
      chunk_count = wanted_chunks;
    }
    next_id = 0;
    depth.store(0, std::memory_order_relaxed);
    clock = kind;
    ring = ring_mode;
    for (open_span& span : open) span.id.store(0, std::memory_order_relaxed);
    produced.store(0, std::memory_order_relaxed);
    consumed.store(0, std::memory_order_relaxed);
    consumed_words = 0;
    for (auto* count : {&dropped_spans, &dropped_records, &too_deep_spans, &overwritten_spans})
      count->store(0, std::memory_order_relaxed);
    limit = chunks[0].words + chunk_words - max_record_words;
    cursor.store(chunks[0].words, std::memory_order_relaxed);
  }

  void release() noexcept {
    if (chunks != nullptr) munmap(chunks, std::size_t{chunk_count} * sizeof(chunk));
    delete[] used_words;
    chunks = nullptr;
    used_words = nullptr;
    chunk_count = 0;
  }

  // Where the next record goes, or nullptr when the buffer is full. By the owner.
  [[nodiscard]] std::uint64_t* reserve() noexcept {
    std::uint64_t* at = cursor.load(std::memory_order_relaxed);
    return __builtin_expect(at <= limit, 1) ? at : next_chunk();
  }
  void publish(std::uint64_t* end) noexcept { cursor.store(end, std::memory_order_release); }

  // By the collector. Asks for the chunk again after the cursor: the end of a chunk is also the
  // start of the one behind it, so the cursor alone does not say which of the two it means.
  [[nodiscard]] published_end published() const noexcept {
    for (;;) {
      const std::uint64_t done = produced.load(std::memory_order_acquire);
      const std::uint64_t* const end = cursor.load(std::memory_order_acquire);
      if (produced.load(std::memory_order_acquire) != done) continue;
      const std::uint64_t* const current = chunks[done % chunk_count].words;
      const bool inside = end >= current && end <= current + chunk_words;  // else just entering it
      return {done, inside ? static_cast<std::uint32_t>(end - current) : 0};
    }
  }

 private:
  [[nodiscard]] __attribute__((noinline)) std::uint64_t* next_chunk() noexcept {
    const std::uint64_t done = produced.load(std::memory_order_relaxed);
    std::unique_lock<std::mutex> lock(ring_mutex, std::defer_lock);
    if (ring) {
      if (!lock.try_lock()) return nullptr;  // somebody is reading the ring: never wait
      if (done + 1 >= chunk_count)           // the chunk to be reused holds the oldest spans
        overwritten_spans.fetch_add(count_spans((done + 1) % chunk_count),
                                    std::memory_order_relaxed);
    } else if (done + 1 - consumed.load(std::memory_order_acquire) >= chunk_count) {
      return nullptr;
    }
    const std::uint32_t current = static_cast<std::uint32_t>(done % chunk_count);
    used_words[current] =
        static_cast<std::uint32_t>(cursor.load(std::memory_order_relaxed) - chunks[current].words);
    const std::uint32_t next = static_cast<std::uint32_t>((done + 1) % chunk_count);
    limit = chunks[next].words + chunk_words - max_record_words;
    produced.store(done + 1, std::memory_order_release);
    cursor.store(chunks[next].words, std::memory_order_release);
    return chunks[next].words;
  }

  [[nodiscard]] std::uint64_t count_spans(std::uint64_t finished_chunk) const noexcept {
    const std::uint64_t* at = chunks[finished_chunk].words;
    const std::uint64_t* const end = at + used_words[finished_chunk];
    std::uint64_t spans = 0;
    for (; at < end; at += record_words(*at)) spans += head_kind(*at) == record_kind::span ? 1 : 0;
    return spans;
  }
};

}  // namespace latency::detail
