# cmake -DSOURCE=folder -DOUTPUT=file -P commit.cmake: defines kith::api::build_commit() for what is checked out there.
set(commit "")
execute_process(COMMAND git rev-parse --short=9 HEAD WORKING_DIRECTORY ${SOURCE}
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
file(WRITE ${OUTPUT} "#include <kith/api/detail/commit.hpp>

std::string_view kith::api::build_commit() noexcept {
  return \"${commit}\";
}
")
