#pragma once
// An ffmpeg that reads from us: started without a shell, fed through a socket, and waited for.

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace longlive {

class ffmpeg_process {
 public:
  // `arguments` follow the program's name; input comes on its standard input. `path` names the
  // output in errors. Throws latency::error when there is no ffmpeg on the PATH.
  ffmpeg_process(std::string path, const std::vector<std::string>& arguments);
  ffmpeg_process(const ffmpeg_process&) = delete;
  ffmpeg_process& operator=(const ffmpeg_process&) = delete;
  ~ffmpeg_process();  // ends it if it still runs

  void write(std::span<const std::byte>
                 bytes);  // throws latency::error with ffmpeg's own words when it has gone
  void finish();          // end of input, then waits; throws when it failed

 private:
  [[noreturn]] void fail();
  int wait();
  std::string last_words() const;

  std::string path_;
  int input_ = -1;   // our end
  int errors_ = -1;  // what it prints
  pid_t process_ = -1;
};

}  // namespace longlive
