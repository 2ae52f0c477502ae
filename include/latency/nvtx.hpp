#pragma once
// Spans as NVTX ranges too, so that Nsight Systems and other tools show them beside what they
// measure. In a domain of their own, "latency", with registered names; the first attribute, where
// it is a number, is the range's payload.
//
//   latency::nvtx::scope s{"decode", {"token", i}};   // a span, and a range around it
//   latency::nvtx::range r{"decode", {"token", i}};   // the range alone
//
// Where no tool listens, a range costs a load and a branch. Ranges do not need a session. With
// LATENCY_ENABLED=0 scopes vanish, ranges stay. Make and end each on the same thread; those of one
// thread end in the reverse order of their making.

#include <nvtx3/nvtx3.hpp>

#include "scope.hpp"

namespace latency {
namespace nvtx {

struct domain {
  static constexpr const char* name = "latency";
};

}  // namespace nvtx

namespace detail {

// What the tool calls a text. Asked for once for each thread and text, as long as texts do not push
// each other out of the cache; `text` is static or interned.
[[nodiscard]] inline nvtxStringHandle_t registered(const char* text) noexcept {
  struct entry {
    const char* text;
    nvtxStringHandle_t handle;
  };
  constexpr std::size_t entries = 64;
  static thread_local entry cache[entries];
  entry& own = cache[(reinterpret_cast<std::uintptr_t>(text) >> 3) % entries];
  if (own.text != text)
    own = {text, nvtx3::v1::registered_string_in<nvtx::domain>{text}.get_handle()};
  return own.handle;
}

// Out of line: without a tool it is never called.
__attribute__((noinline)) inline void push_range(nvtxDomainHandle_t domain, const char* name,
                                                 const attribute& payload) noexcept {
  const nvtx3::v1::message message{registered(name)};
  if (payload.key == nullptr || payload.type == attribute::kind::text) {
    nvtxDomainRangePushEx(domain, nvtx3::v1::event_attributes{message}.get());
  } else if (payload.type == attribute::kind::real) {
    nvtxDomainRangePushEx(
        domain, nvtx3::v1::event_attributes{message, nvtx3::v1::payload{payload.real}}.get());
  } else {
    nvtxDomainRangePushEx(
        domain, nvtx3::v1::event_attributes{message, nvtx3::v1::payload{payload.integer}}.get());
  }
}

}  // namespace detail

namespace nvtx {

class range {
 public:
  // `name`: a static string, or one from intern().
  explicit range(const char* name, const attribute& payload = no_attribute) noexcept
      : domain_(nvtx3::v1::domain::get<domain>()) {
    if (__builtin_expect(domain_ != nullptr, 0)) detail::push_range(domain_, name, payload);
  }
  range(const range&) = delete;
  range& operator=(const range&) = delete;
  ~range() {
    if (__builtin_expect(domain_ != nullptr, 0)) nvtxDomainRangePop(domain_);
  }
  static void* operator new(std::size_t) = delete;  // a range lives in a block of code

 private:
  nvtxDomainHandle_t domain_;  // null: no tool listens
};

// A range around a span: what the tool takes for it belongs to the span's parent.
template <class Span>
class basic_scope {
 public:
  explicit basic_scope(const char* name, const attribute& a0 = no_attribute,
                       const attribute& a1 = no_attribute, const attribute& a2 = no_attribute,
                       const attribute& a3 = no_attribute, const attribute& a4 = no_attribute,
                       const attribute& a5 = no_attribute, const attribute& a6 = no_attribute,
                       const attribute& a7 = no_attribute) noexcept
      : range_(name, a0), span_(name, a0, a1, a2, a3, a4, a5, a6, a7) {}
  void add(const attribute& a) noexcept { span_.add(a); }
  [[nodiscard]] span_id id() const noexcept { return span_.id(); }

 private:
  range range_;
  Span span_;
};

template <>
class basic_scope<recording_off::scope> : public recording_off::scope {
 public:
  using recording_off::scope::scope;
};

using scope = basic_scope<latency::scope>;

}  // namespace nvtx
}  // namespace latency
