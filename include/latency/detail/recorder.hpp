#pragma once
// The engine behind a session: attaches threads, collects their records into the journal from a
// background thread, and ends the recording. One at a time per process (detail/process.hpp).

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "../device_words.hpp"
#include "../recording.hpp"
#include "../session_options.hpp"
#include "device_source.hpp"
#include "device_writer.hpp"
#include "flight_ring.hpp"
#include "flight_settings.hpp"
#include "process.hpp"
#include "process_barrier.hpp"
#include "record_encoder.hpp"
#include "region_rules.hpp"
#include "returned_memory.hpp"
#include "session_clock.hpp"
#include "signal_free_thread.hpp"

#pragma GCC visibility push(default)  // shared libraries that hide their symbols share this

namespace latency {

namespace detail {

class recorder {
 public:
  // `output` empty: in memory. Throws latency::error. Registered by session.hpp under the mutex.
  recorder(std::string output, const session_options& options)
      : output_(std::move(output)), options_(options), encoder_(journal_), pid_(getpid()) {
    const char* const enabled = std::getenv("LATENCY_ENABLED");
    enabled_ = enabled == nullptr || std::string_view(enabled) != "0";
    if (!enabled_) return;
    if (options_.capacity_spans == 0) options_.capacity_spans = capacity_from_environment();
    if (options_.capacity_spans > max_capacity_spans)
      throw error("session_options", "capacity_spans",
                  std::to_string(options_.capacity_spans) + " is more than 268435456");
    if (const char* regions = std::getenv("LATENCY_REGIONS")) regions_ = parse_regions(regions);
    read_flight_environment(options_.flight_recorder);
    const bool flies = options_.flight_recorder.window.count() != 0;
    if (flies) check_flight_options(options_.flight_recorder, output_);
    if (flies && options_.mode == session_mode::ring)
      throw error("session_options", "mode", "a flight recorder has a ring of its own");
    if (!output_.empty()) journal_.open(output_ + ".journal");
    if (flies) {
      ring_ = std::make_unique<flight_ring>(options_.flight_recorder.bytes, journal_.descriptor());
      ring_->begin_round(1);  // complete since ever
      journal_.divert(ring_.get());
    } else {
      journal_.file_header();
    }
    clock_.begin();
    clock_.write(journal_);
  }

  [[nodiscard]] const std::string& output() const noexcept { return output_; }
  [[nodiscard]] const std::string& journal_path() const noexcept { return journal_.path(); }
  [[nodiscard]] const std::vector<std::uint64_t>& journal_words() const noexcept {
    return journal_.pending();
  }
  [[nodiscard]] int journal_error() const noexcept { return journal_.first_error(); }
  [[nodiscard]] bool enabled() const noexcept { return enabled_; }
  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool of_this_process() const noexcept { return pid_ == getpid(); }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  [[nodiscard]] clock_kind clock() const noexcept { return clock_.kind(); }
  [[nodiscard]] session_mode mode() const noexcept { return options_.mode; }
  [[nodiscard]] std::uint64_t now_ticks() const noexcept { return clock_.now_ticks(); }
  [[nodiscard]] std::int64_t now_ns() const noexcept { return clock_.now_ns(); }
  // The clock's rate as well as it is known by now. Takes a few readings.
  [[nodiscard]] double measure_ns_per_tick() const noexcept { return clock_.measure_ns_per_tick(); }

  // Of a flight recorder, else nullptr. Set once, before start().
  [[nodiscard]] flight_control* flight() const noexcept { return flight_.get(); }
  [[nodiscard]] bool has_ring() const noexcept { return ring_ != nullptr; }
  [[nodiscard]] const flight_recorder_options& flight_options() const noexcept {
    return options_.flight_recorder;
  }
  void use_flight(std::shared_ptr<flight_control> made) {
    flight_ = std::move(made);
    encoder_.watch(flight_.get());
  }
  // A file is about to be taken: back ends that write totals now and then should do so now.
  void hurry_totals(bool now) noexcept { totals_due_.store(now, std::memory_order_relaxed); }
  [[nodiscard]] bool totals_due() const noexcept {
    return totals_due_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t to_ns(std::uint64_t ticks) const noexcept {
    return clock_.to_ns(ticks);
  }

  // The last seconds, up to now, as the words of a journal; of a session that has ended, up to its
  // end. With a ring only, the process's mutex not held. Records what is open now and what closed
  // before; costs the threads that record nothing.
  [[nodiscard]] std::vector<std::uint64_t> last_seconds(std::uint64_t cause_ticks = 0) {
    flight_ring::view seen;
    std::uint64_t until = 0;
    double ns_per_tick = 1;
    {
      const std::lock_guard<std::mutex> lock(process().mutex);
      until = ended_ ? end_ticks_ : now_ticks();
      // After `until` was read: what was open then is seen open, or closed by the time it is taken.
      if (!ended_) collect_round(true);
      seen = ring_->look();
      ns_per_tick = clock_.measure_ns_per_tick();
    }
    const auto window_ticks = static_cast<std::uint64_t>(
        static_cast<double>(std::chrono::nanoseconds(options_.flight_recorder.window).count()) /
        ns_per_tick);
    std::vector<std::uint64_t> words;
    reserve_returned(words, seen.words.size() + options_.flight_recorder.bytes / sizeof words[0]);
    journal_writer opening;
    opening.file_header();
    words.insert(words.end(), opening.pending().begin(), opening.pending().end());
    words.insert(words.end(), seen.words.begin(), seen.words.end());
    const std::uint64_t from = ring_->copy(until - std::min(until, window_ticks), seen.end, words);
    words.insert(words.end(), seen.snapshot.begin(), seen.snapshot.end());
    journal_writer closing;
    closing.begin_block(block_type::window);
    closing.put(std::min(from, until));
    closing.put(cause_ticks);
    closing.end_block();
    closing.begin_block(block_type::end);
    closing.put(until);
    closing.end_block();
    words.insert(words.end(), closing.pending().begin(), closing.pending().end());
    return words;
  }

  // A session that LATENCY_OUTPUT started becomes the program's own, once. Mutex held.
  void offer() noexcept { offered_ = true; }
  [[nodiscard]] bool take_offer() noexcept { return std::exchange(offered_, false); }

  void start(std::uint64_t generation) {  // mutex held
    generation_ = generation;
    has_process_barrier();  // while there may be no other thread yet
    tier(device_tier::host, "");
    if (!output_.empty()) {
      journal_.flush();
      start_collector();
    }
    active_generation.store(regions_.empty() ? generation_ : no_session, std::memory_order_release);
  }

  // Gives a thread its place in this session. Mutex held. False when there are too many threads.
  [[nodiscard]] bool attach(thread_state& t) {
    if (thread_count_ >= max_threads) {
      ++totals_[total::dropped_spans];
      return false;
    }
    const std::size_t words = options_.capacity_spans * fixed_words(record_kind::span);
    t.prepare(std::max(min_chunks, static_cast<std::uint32_t>(words / chunk_words + 1)), clock(),
              options_.mode == session_mode::ring);
    t.index = thread_count_++;
    t.next_id = std::uint64_t{t.index} << thread_id_shift;
    t.os_id = syscall(SYS_gettid);
    char name[16] = "";
    if (pthread_getname_np(pthread_self(), name, sizeof name) == 0 && t.name.empty()) t.name = name;
    write_thread(t);
    t.generation.store(generation_, std::memory_order_release);
    return true;
  }

  void write_thread(const thread_state& t) {  // mutex held
    journal_.begin_block(block_type::thread, t.index);
    journal_.put(static_cast<std::uint64_t>(t.os_id));
    journal_.put_text(t.name);
    journal_.end_block();
  }

  void detach(thread_state& t) {  // mutex held, by the thread that ends
    t.generation.store(no_session, std::memory_order_relaxed);
    collect_last(t);
  }

  void describe(const std::string& key, const run_value& what) {  // mutex held
    if (!enabled_) return;
    journal_.begin_block(block_type::run);
    journal_.put_text(key);
    journal_.put(what.index());
    if (const auto* integer = std::get_if<std::int64_t>(&what)) {
      journal_.put(static_cast<std::uint64_t>(*integer));
    } else if (const auto* real = std::get_if<double>(&what)) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, real, sizeof bits);
      journal_.put(bits);
    } else {
      journal_.put_text(std::get<std::string>(what));
    }
    journal_.end_block();
  }

  // Regions: entered and left by the threads that run them. Without LATENCY_REGIONS all is
  // recorded.
  [[nodiscard]] region_phase enter_region(const char* name) {  // mutex held
    if (!enabled_ || ended_) return region_phase::unlisted;
    if (regions_.empty()) return region_phase::recorded;
    const auto rule = std::find_if(regions_.begin(), regions_.end(),
                                   [&](const region_rule& r) { return r.name == name; });
    if (rule == regions_.end()) return region_phase::unlisted;
    const region_phase phase = next_phase(*rule);
    if (phase == region_phase::skipped) {
      ++totals_[total::skipped_regions];
      return phase;
    }
    if (phase == region_phase::warm_up) ++totals_[total::warm_up_regions];
    if (open_regions_++ == 0) active_generation.store(generation_, std::memory_order_release);
    return phase;
  }
  void leave_region() {  // mutex held, for each region that was warm_up or recorded
    if (ended_ || regions_.empty()) return;
    if (--open_regions_ == 0) active_generation.store(no_session, std::memory_order_release);
  }

  // Device back ends (device_source.hpp). A source that is added after the session's end is only
  // kept. Mutex not held, in these four.
  void add_source(std::shared_ptr<device_source> source) {
    const std::lock_guard<std::mutex> one_at_a_time(sources_mutex_);
    sources_.push_back(std::move(source));
  }
  // Finishes one ahead of the session.
  void remove_source(const std::shared_ptr<device_source>& source) {
    const std::lock_guard<std::mutex> one_at_a_time(sources_mutex_);
    const auto at = std::find(sources_.begin(), sources_.end(), source);
    if (at == sources_.end()) return;
    source->finish();
    sources_.erase(at);
  }
  void poll_sources() {
    const std::lock_guard<std::mutex> one_at_a_time(sources_mutex_);
    for (const auto& source : sources_) source->poll();
  }
  // fill(device_writer&), under the mutex. False, and nothing is called, once the session ended.
  template <class Fill>
  bool write_device(const Fill& fill) {
    const std::lock_guard<std::mutex> lock(process().mutex);
    if (ended_ || !enabled_) return false;
    fill(device_);
    device_.commit();
    return true;
  }
  // For use inside `fill`.
  void count(total which, std::uint64_t more) noexcept { totals_[which] += more; }
  // What the recording knows of devices, and why it is not more; the highest tier stands.
  void tier(device_tier reached, const std::string& reason) {
    tier_ = std::max(tier_, reached);
    describe("tier", std::string(to_text(tier_)));
    if (!reason.empty()) describe("tier_reason", reason);
  }

  // Moves what threads have published so far into the journal, for a look at it while the
  // recording goes on, and makes now_ns() exact up to here. Mutex held, not ended. Ring mode
  // keeps its records until the end.
  void collect_now() {
    if (ring_ != nullptr) return collect_round(true);
    collect_all();
    clock_.write(journal_);
    journal_.flush();
  }

  // Ends the recording: nothing that opens or closes from now on belongs to it.
  void stop() {
    finish_flight();
    finish_sources();
    std::thread* collector = nullptr;
    {
      const std::lock_guard<std::mutex> lock(process().mutex);
      if (ended_) return;
      ended_ = true;
      if (enabled_ && of_this_process()) {
        active_generation.store(no_session, std::memory_order_relaxed);
        // Threads leave first: but for the one open or close that each may be in the middle of,
        // nothing changes while they are collected.
        std::vector<thread_state*> leaving;
        for (const auto& t : process().threads)
          if (t->generation.load(std::memory_order_relaxed) == generation_) {
            t->generation.store(no_session, std::memory_order_relaxed);
            leaving.push_back(t.get());
          }
        process_barrier();
        if (ring_ != nullptr) encoder_.say_again();
        for (thread_state* const t : leaving) collect_last(*t);
        end_ticks_ = now_ticks();
        write_totals();
        clock_.write(journal_);
        journal_.begin_block(block_type::end);
        journal_.put(end_ticks_);
        journal_.end_block();
        journal_.flush();
        journal_.close();
        collector = std::exchange(collector_, nullptr);
      }
    }
    if (collector == nullptr) return;
    wake_.notify_all();
    collector->join();
    delete collector;
  }

  // In a forked child: the collector thread does not exist there, and the journal is the
  // parent's.
  void abandon_after_fork() noexcept {
    collector_ = nullptr;  // leaked on purpose: it can be neither joined nor destroyed here
    ended_ = true;
    journal_.close();
  }

 private:
  static constexpr std::size_t max_capacity_spans = std::size_t{1} << 28;  // 10 GiB for each thread
  [[nodiscard]] static std::size_t capacity_from_environment() {
    const char* const text = std::getenv("LATENCY_CAPACITY");
    if (text == nullptr) return 65536;
    char* end = nullptr;
    const unsigned long long n = std::strtoull(text, &end, 10);
    if (end == text || *end != 0 || n == 0 || n > max_capacity_spans)
      throw error("LATENCY_CAPACITY", "\"" + std::string(text) + "\"",
                  "must be a number of spans per thread from 1 to 268435456");
    return static_cast<std::size_t>(n);
  }

  // The thread takes none of the program's signals, not even one that its own writes cause
  // (SIGXFSZ): such a write then fails instead of ending the program.
  void start_collector() {
    try {
      collector_ = new std::thread(signal_free_thread([this] { collect(); }));
    } catch (const std::exception& e) {
      ended_ = true;
      journal_.close();
      ::unlink(journal_path().c_str());
      throw error(output_, "", std::string("cannot start the collector thread: ") + e.what());
    }
  }

  void collect() {  // the collector thread
    pthread_setname_np(pthread_self(), "latency");
    std::unique_lock<std::mutex> lock(process().mutex);
    while (!ended_) {
      wake_.wait_for(lock, options_.collect_every);
      if (ended_) return;
      if (ring_ != nullptr) {
        const std::int64_t now_ns = clock_.now_ns();
        const bool again = now_ns >= next_beat_ns_;
        if (again) next_beat_ns_ = now_ns + 1000000000;
        collect_round(again);
      } else {
        collect_all();
        clock_.refine(journal_);
        journal_.flush();
      }
      lock.unlock();
      poll_sources();
      if (flight_ != nullptr) flight_->poll();
      lock.lock();
    }
  }

  // Into the ring. `again`: with what does not change from round to round, the ring's older copy of
  // which will be overwritten.
  void collect_round(bool again) {
    if (again) encoder_.say_again();
    collect_all();
    if (again) {
      write_totals();
      clock_.write(journal_);
    } else {
      clock_.refine(journal_);
    }
    journal_.flush();
    ring_->begin_round(now_ticks());
  }

  void finish_flight() {
    if (flight_ == nullptr || !of_this_process()) return;
    {  // which may bring a deadline that was missed since the last round
      const std::lock_guard<std::mutex> lock(process().mutex);
      if (!ended_) collect_round(false);
    }
    flight_->finish();
    const flight_recorder_status status = flight_->status();
    const std::lock_guard<std::mutex> lock(process().mutex);
    if (ended_) return;
    describe("flight_written", status.written);
    describe("flight_failed", status.failed);
    describe("flight_skipped", status.skipped);
    if (status.failed != 0) describe("flight_error", status.last_error);
  }

  void finish_sources() {
    if (!enabled_ || !of_this_process()) return;
    const std::lock_guard<std::mutex> one_at_a_time(sources_mutex_);
    for (const auto& source : sources_) source->finish();
    sources_.clear();
  }

  void collect_all() {
    for (const auto& t : process().threads) {
      if (t->generation.load(std::memory_order_acquire) != generation_) continue;
      // Open spans first: whatever part of the records a kill lets through, their parents are
      // there.
      encoder_.open_spans(*t);
      if (options_.mode == session_mode::ring) continue;  // read at the end
      encoder_.drain(*t);
      encoder_.open_spans(*t);
      encoder_.drain(*t);  // what closed in between
    }
  }

  // Of a thread that leaves. Open spans first: one that closes meanwhile is published before it
  // stops being open, so it is in one of the two; the reader takes it once. At last those that are
  // open still, without the ones that closed.
  void collect_last(thread_state& t) {
    encoder_.open_spans(t);
    encoder_.drain(t);
    encoder_.open_spans(t);
    add_totals(t);
  }

  void add_totals(const thread_state& t) noexcept {
    totals_[total::dropped_spans] += t.dropped_spans.load(std::memory_order_relaxed);
    totals_[total::dropped_records] += t.dropped_records.load(std::memory_order_relaxed);
    totals_[total::too_deep_spans] += t.too_deep_spans.load(std::memory_order_relaxed);
    totals_[total::overwritten_spans] += t.overwritten_spans.load(std::memory_order_relaxed);
  }
  void write_totals() {
    const journal_totals before = totals_;
    if (ring_ != nullptr) {
      for (const auto& t : process().threads)
        if (t->generation.load(std::memory_order_relaxed) == generation_) add_totals(*t);
      // How many of them the ring has no more, whoever reads it finds out.
      totals_[total::overwritten_spans] = encoder_.spans();
    }
    journal_.begin_block(block_type::totals);
    for (const std::uint64_t word : totals_.words) journal_.put(word);
    journal_.end_block();
    totals_ = before;
  }

  const std::string output_;
  session_options options_;
  bool enabled_ = true;
  bool ended_ = false;
  bool offered_ = false;
  session_clock clock_;
  std::uint64_t generation_ = no_session;
  std::uint32_t thread_count_ = 0;
  std::vector<region_rule> regions_;
  std::uint32_t open_regions_ = 0;
  journal_totals totals_;
  journal_writer journal_;
  record_encoder encoder_;
  device_writer device_{journal_, encoder_};
  device_tier tier_ = device_tier::host;
  std::mutex sources_mutex_;  // before the process's mutex, where both are taken
  std::vector<std::shared_ptr<device_source>> sources_;
  std::thread* collector_ = nullptr;
  std::condition_variable wake_;

  std::unique_ptr<flight_ring> ring_;
  std::shared_ptr<flight_control> flight_;
  std::atomic<bool> totals_due_{false};
  std::int64_t next_beat_ns_ = 0;
  std::uint64_t end_ticks_ = 0;
  const pid_t pid_;
};

}  // namespace detail
}  // namespace latency

#pragma GCC visibility pop
