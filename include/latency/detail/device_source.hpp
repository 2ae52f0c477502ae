#pragma once
// The seam between a session and a device back end (cuda.hpp, cupti.hpp): the back end implements
// device_source and hands it to the session's recorder,
//
//   recorder.add_source(source);
//
// which calls poll() about every `collect_every` from its own thread (a session without a file has
// none: then only session.poll() does) and finish() once, when the session ends. What the source
// has, it writes in batches, from whatever thread it likes:
//
//   recorder.write_device([&](device_writer& out) { out.op(clock, op); ... });
//
// Which span a launching thread is in: innermost_span(*recording_thread()) in events.hpp, on that
// thread.

namespace latency::detail {

class device_source {
 public:
  virtual ~device_source() = default;
  // Neither is called while the process's mutex is held, nor two at a time, of all sources; neither
  // throws. poll() never waits for a device; finish() may, for a bounded time.
  virtual void poll() noexcept = 0;
  // Writes what is left: nothing that is written after the session's end is taken.
  virtual void finish() noexcept = 0;
};

}  // namespace latency::detail
