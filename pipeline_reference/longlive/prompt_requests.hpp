#pragma once
// Prompts that are asked for while a clip is generated. Any thread may ask at any time; a thread of
// its own encodes the newest one beside the generation; the generating thread takes it at the next
// boundary between blocks, and waits there only for what is left of its encoding.

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "latency/async_span.hpp"
#include "latency/clock.hpp"
#include "pipeline_reference/longlive/prompt_source.hpp"
#include "pipeline_reference/ops/tensor.hpp"

namespace longlive {

enum class request_answer {
  accepted,
  replaced,  // accepted, and an earlier one that no block had taken gave way to it
  too_late   // no boundary comes any more: refused
};

struct request_counts {
  std::int64_t requested = 0;  // all of them
  std::int64_t taken = 0;
  std::int64_t replaced = 0;
  std::int64_t too_late = 0;
};

// A prompt on its way into the generation.
struct prompt_request {
  std::string text;
  latency::timestamp requested{};
  // prompt_request {segment}, from the request; to be ended when its first pixel frame is complete.
  latency::async_span until_shown;
};

class prompt_requests {
 public:
  // Writes the embedding of a text to `out` [text_len, text_dim] and waits until it is there.
  // Called on the thread of this object only.
  using encoder = std::function<written_prompt(const std::string& text, const ops::tensor& out)>;

  // `staging` [text_len, text_dim] holds one embedding. `span_name`: static, of an encoding.
  prompt_requests(encoder encode, ops::buffer staging, const char* span_name);
  prompt_requests(const prompt_requests&) = delete;
  prompt_requests& operator=(const prompt_requests&) = delete;
  ~prompt_requests();  // waits for an encoding in progress

  // Any thread. The newest request before a boundary is the one that takes effect there.
  request_answer request(std::string text);
  // Any thread. Of all clips.
  [[nodiscard]] request_counts counts() const;

  // The generating thread, in this order. Before the first clip requests are taken already.
  void begin_clip();
  // At a boundary: the request that takes effect there, as the segment after those taken before.
  [[nodiscard]] std::optional<prompt_request> take();
  // The same for a prompt that is known: the first one of a clip.
  void take(std::string text);
  // Waits for the encoding of what was taken. Throws what the encoder threw. The embedding stays
  // until release(), which is to be called when nothing reads it any more.
  [[nodiscard]] ops::const_tensor wait(written_prompt& written);
  void release();
  // No boundary comes any more: what waits counts as too late, and so does all that follows.
  void close();
  // Likewise, and nothing reads the embedding any more. Waits for an encoding in progress.
  void end_clip();

 private:
  struct job {
    std::string text;
    std::int64_t number = 0;
    std::int64_t segment = 0;
    bool encoded = false;
    written_prompt written;
    std::exception_ptr error;
  };
  struct waiting {
    job work;
    prompt_request request;
  };

  void run();
  [[nodiscard]] job* next_job();
  void refuse_from_now();

  encoder encode_;
  ops::buffer staging_;
  const char* span_name_;
  mutable std::mutex lock_;
  std::condition_variable changed_;
  std::optional<waiting> pending_;
  std::optional<job> taken_;
  request_counts counts_;
  std::int64_t numbers_ = 0;
  std::int64_t segment_ = 0;  // that is being generated
  bool closed_ = false;
  bool encoding_ = false;
  bool ending_ = false;
  std::thread thread_;
};

// The first prompt of a clip whose others are requested: encoded where they are.
class first_prompt final : public prompt_source {
 public:
  first_prompt(prompt_requests& requests, std::string text, ops::memory& memory)
      : requests_(requests), text_(std::move(text)), memory_(memory) {}

  [[nodiscard]] std::int64_t segments() const override { return 1; }
  // Waits for the stream.
  written_prompt write(std::int64_t segment, const ops::tensor& out, ops::stream s) override;

 private:
  prompt_requests& requests_;
  std::string text_;
  ops::memory& memory_;
};

}  // namespace longlive
