#include <latency/recording.hpp>

int main() {
  latency::recording run;
  return run.strings.add("decode") == 0 ? 0 : 1;
}
