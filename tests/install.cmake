# cmake -DBUILD=build folder -DPREFIX=folder -DVERSION=x.y.z -DTOOL=ON|OFF -P install.cmake
# Installs into an empty prefix and checks what a user would find there.
file(REMOVE_RECURSE ${PREFIX})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PREFIX} COMMAND_ERROR_IS_FATAL ANY)
set(expected include/latency/version.hpp share/doc/latency/LICENSE)
if(TOOL)
  list(APPEND expected bin/latency bin/analyze_latency_breakdown share/latency/schemas/timing.schema.json
       share/bash-completion/completions/latency share/bash-completion/completions/analyze_speedup
       share/zsh/site-functions/_latency share/fish/vendor_completions.d/latency.fish)
endif()
foreach(file IN LISTS expected)
  if(NOT EXISTS ${PREFIX}/${file})
    message(FATAL_ERROR "not installed: ${file}")
  endif()
endforeach()
if(TOOL)
  foreach(command IN ITEMS "latency;breakdown" "analyze_latency_breakdown")
    list(POP_FRONT command program)
    execute_process(COMMAND ${PREFIX}/bin/${program} ${command} --help OUTPUT_VARIABLE help COMMAND_ERROR_IS_FATAL ANY)
    if(NOT help MATCHES "--require")
      message(FATAL_ERROR "${program} does not answer as the breakdown:\n${help}")
    endif()
  endforeach()
endif()
