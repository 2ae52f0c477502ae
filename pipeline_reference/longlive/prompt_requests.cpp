#include "pipeline_reference/longlive/prompt_requests.hpp"

#include <utility>

#include "latency/events.hpp"
#include "latency/scope.hpp"
#include "latency/session.hpp"

namespace longlive {

prompt_requests::prompt_requests(encoder encode, ops::buffer staging, const char* span_name)
    : encode_(std::move(encode)),
      staging_(std::move(staging)),
      span_name_(span_name),
      thread_([this] { run(); }) {}

prompt_requests::~prompt_requests() {
  {
    const std::lock_guard guard(lock_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

request_answer prompt_requests::request(std::string text) {
  const std::lock_guard guard(lock_);
  ++counts_.requested;
  if (closed_) {
    ++counts_.too_late;
    return request_answer::too_late;
  }
  const bool replaces = pending_.has_value();
  if (replaces) {
    ++counts_.replaced;
    latency::instant("prompt_request_replaced", {"segment", segment_ + 1});
  }
  job work{text, ++numbers_, segment_ + 1, false, {}, nullptr};
  pending_.emplace(
      waiting{std::move(work),
              prompt_request{std::move(text), latency::stamp(),
                             latency::async_span("prompt_request", {"segment", segment_ + 1})}});
  changed_.notify_all();
  return replaces ? request_answer::replaced : request_answer::accepted;
}

request_counts prompt_requests::counts() const {
  const std::lock_guard guard(lock_);
  return counts_;
}

void prompt_requests::begin_clip() {
  const std::lock_guard guard(lock_);
  closed_ = false;
}

std::optional<prompt_request> prompt_requests::take() {
  const std::lock_guard guard(lock_);
  if (!pending_) return std::nullopt;
  std::optional<prompt_request> request(std::move(pending_->request));
  taken_ = std::move(pending_->work);
  pending_.reset();
  ++segment_;
  ++counts_.taken;
  changed_.notify_all();
  return request;
}

void prompt_requests::take(std::string text) {
  const std::lock_guard guard(lock_);
  taken_ = job{std::move(text), ++numbers_, segment_, false, {}, nullptr};
  changed_.notify_all();
}

ops::const_tensor prompt_requests::wait(written_prompt& written) {
  std::unique_lock guard(lock_);
  changed_.wait(guard, [this] { return taken_->encoded; });
  if (taken_->error) std::rethrow_exception(std::exchange(taken_->error, nullptr));
  written = taken_->written;
  return staging_.view();
}

void prompt_requests::release() {
  const std::lock_guard guard(lock_);
  taken_.reset();
  changed_.notify_all();
}

void prompt_requests::close() {
  const std::lock_guard guard(lock_);
  refuse_from_now();
}

void prompt_requests::refuse_from_now() {
  closed_ = true;
  if (pending_) ++counts_.too_late;
  pending_.reset();
}

void prompt_requests::end_clip() {
  std::unique_lock guard(lock_);
  refuse_from_now();
  taken_.reset();
  segment_ = 0;
  changed_.wait(guard, [this] { return !encoding_; });
}

// What was taken comes first, and what it left in the staging buffer stays until it is released.
prompt_requests::job* prompt_requests::next_job() {
  if (taken_) return taken_->encoded ? nullptr : &*taken_;
  return pending_ && !pending_->work.encoded ? &pending_->work : nullptr;
}

void prompt_requests::run() {
  latency::name_thread("prompt_encoder");
  std::unique_lock guard(lock_);
  for (;;) {
    changed_.wait(guard, [this] { return ending_ || next_job() != nullptr; });
    if (ending_) return;
    const job work = *next_job();
    encoding_ = true;
    if (pending_) pending_->work.encoded = false;  // the buffer will hold this one instead
    guard.unlock();
    written_prompt written;
    std::exception_ptr error;
    try {
      latency::scope span{span_name_, {"segment", work.segment}};
      written = encode_(work.text, staging_.view());
      span.add({"tokens", written.tokens});
      if (written.cached) span.add({"prompt_cache_hit", *written.cached ? 1 : 0});
    } catch (...) {
      error = std::current_exception();
    }
    guard.lock();
    encoding_ = false;
    changed_.notify_all();
    // The work may have been taken, or replaced by a newer one, meanwhile.
    for (job* found : {taken_ ? &*taken_ : nullptr, pending_ ? &pending_->work : nullptr}) {
      if (found == nullptr || found->number != work.number) continue;
      found->encoded = true;
      found->written = written;
      found->error = error;
    }
  }
}

written_prompt first_prompt::write(std::int64_t, const ops::tensor& out, ops::stream s) {
  written_prompt written;
  requests_.take(text_);
  const ops::const_tensor rows = requests_.wait(written);
  memory_.copy(out.data, rows.data, out.bytes(), s);
  memory_.synchronize(s);
  requests_.release();
  return written;
}

}  // namespace longlive
