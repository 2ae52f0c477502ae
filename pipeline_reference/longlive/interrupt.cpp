#include "pipeline_reference/longlive/interrupt.hpp"

#include <csignal>
#include <initializer_list>

namespace longlive {
namespace {

volatile std::sig_atomic_t interrupted = 0;  // the signal

void on_signal(int signal) {
  interrupted = signal;
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

interrupt_watch::interrupt_watch() {
  interrupted = 0;
  // SA_RESETHAND brings the default action back for the second signal.
  for (const int signal : {SIGINT, SIGTERM}) handle(signal, on_signal, SA_RESTART | SA_RESETHAND);
}

interrupt_watch::~interrupt_watch() {
  for (const int signal : {SIGINT, SIGTERM}) handle(signal, SIG_DFL, 0);
}

bool interrupt_watch::asked() const noexcept {
  return interrupted != 0;
}

int interrupt_watch::exit_code() const noexcept {
  return 128 + interrupted;
}

}  // namespace longlive
