# cmake -DNPM=program -DFROM=folder "-DNEEDED=file|file" -DWITHOUT=words -P bring.cmake: what package-lock.json of that folder names,
# under node_modules/ of the folder that this runs in.
file(COPY ${FROM}/package.json ${FROM}/package-lock.json ${FROM}/.npmrc DESTINATION .)
execute_process(COMMAND ${NPM} ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error
  RESULT_VARIABLE failure)
if(failure)
  message(FATAL_ERROR "npm couldn't bring the package c-kzg, for the reason above. Let it reach its registry (npm config "
    "get registry tells which) or a cache that has the package (npm cache add), name the unpacked package with "
    "-DKITH_KZG_PACKAGE=FOLDER, ${WITHOUT}.")
endif()
string(REPLACE "|" ";" needed "${NEEDED}")
foreach(file IN LISTS needed)
  if(NOT EXISTS ${file})
    message(FATAL_ERROR "The package c-kzg has changed: there is no ${file} (third_party/kzg/README.md).")
  endif()
  # npm may give files the time at which they were packed.
  file(TOUCH ${file})
endforeach()
