// init.cc: placeholder
